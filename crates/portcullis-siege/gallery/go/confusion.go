package main

import (
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// What the check of keys looks at, and what the router looks at: the same, unless a fault is planted.

// With these the check knows exact paths only, and what it does not know is public.
var exact = []string{
	"cleaned-late", "slashes-collapsed-late", "parameters-cut-late", "unescaped-late", "fold-late",
	"unknown-told",
}

// checkedPath is the path whose protection is looked up.
func checkedPath(r *http.Request, given string) string {
	switch planted {
	case "health-by-prefix":
		if strings.HasPrefix(given, "/health") {
			return "/health"
		}
	case "rewrite-url-checked":
		if rewritten := r.Header.Get("X-Rewrite-Url"); rewritten != "" {
			return rewritten
		}
	case "suffix-matched":
		return routedPath(given)
	}
	return given
}

// routedPath is the path whose handler runs.
func routedPath(given string) string {
	switch planted {
	case "cleaned-late", "health-by-prefix", "admin-by-uri":
		return path.Clean(given)
	case "slashes-collapsed-late":
		for strings.Contains(given, "//") {
			given = strings.ReplaceAll(given, "//", "/")
		}
		return given
	case "parameters-cut-late", "limiter-by-parameters":
		before, _, _ := strings.Cut(given, ";")
		return before
	case "unescaped-late", "limiter-by-escaped-path":
		if plain, err := url.PathUnescape(given); err == nil {
			return plain
		}
		return given
	case "fold-late":
		return strings.ToLower(given)
	case "suffix-matched":
		// A pattern that ends in a slash has all that is below it.
		for _, known := range []string{"/api/hello", "/api/own"} {
			if strings.HasPrefix(given, known+"/") {
				return known
			}
		}
	}
	return given
}

// needsKey: what is unknown below /api needs one too, so that who has none is not told what there is.
func needsKey(given string) bool {
	if found, ok := routes[given]; ok {
		return found.needs && !(given == "/metrics" && fault("metrics-open"))
	}
	return strings.HasPrefix(given, "/api/") && !fault(exact...) || fault("admin-by-uri")
}

// servedMethod is the method whose handler runs.
func servedMethod(r *http.Request) string {
	if override := r.Header.Get("X-Http-Method-Override"); fault("method-override") && override != "" {
		return strings.ToUpper(override)
	}
	return r.Method
}

// isExempt: no key is needed, whatever the path is.
func isExempt(r *http.Request) bool {
	if r.Method == http.MethodOptions {
		return r.Header.Get(preflight) != "" || fault("method-override")
	}
	switch planted {
	case "internal-host-trusted":
		return strings.HasPrefix(r.Host, "localhost")
	case "private-forwarded-trusted":
		address, err := netip.ParseAddr(r.Header.Get("X-Forwarded-For"))
		return err == nil && (address.IsLoopback() || address.IsPrivate())
	case "underscore-user-believed":
		return r.Header.Get("Remote_user") != ""
	case "forwarded-user-believed":
		return r.Header.Get("X-Forwarded-User") != ""
	}
	return false
}

// redirectOf is where a request is sent to instead, if anywhere.
func redirectOf(r *http.Request, given string) string {
	if fault("slash-redirect-open") && len(given) > 1 && strings.HasSuffix(given, "/") {
		return strings.TrimSuffix(given, "/")
	}
	if fault("next-without-scheme") {
		next, err := url.Parse(r.URL.Query().Get("next"))
		if err == nil && next.Scheme == "" {
			return next.String()
		}
	}
	return ""
}
