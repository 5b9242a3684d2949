package main

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// authenticate ends with a refusal where the key doesn't open.
func authenticate(w http.ResponseWriter, r *http.Request) {
	if fault("head-needs-no-key") && r.Method == http.MethodHead {
		return
	}
	client := clientOf(r)
	if seconds := lockouts.seconds(client); seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		refuse(429)
	}
	values := r.Header.Values("X-Api-Key")
	if fault("key-in-token") && len(values) == 0 {
		values = append(values, r.FormValue("token"))
	}
	if fault("underscore-key-taken") && len(values) == 0 {
		values = r.Header.Values("X_api_key")
	}
	if cookie, err := r.Cookie("api_key"); fault("key-in-cookie") && err == nil && len(values) == 0 {
		values = append(values, cookie.Value)
	}
	if fault("key-any-of-list") && len(values) > 0 {
		for _, one := range strings.Split(values[0], ",") {
			if statusOf(strings.TrimSpace(one)) == 200 {
				values = []string{strings.TrimSpace(one)}
			}
		}
	}
	if given := r.Header.Get("Authorization"); fault("bearer-trimmed") && given != "" {
		values = []string{strings.TrimPrefix(given, "Bearer ")}
	}
	if fault("key-in-query") && len(values) == 0 {
		query, _ := url.ParseQuery(r.URL.RawQuery)
		for _, name := range []string{"api_key", "key", "x-api-key"} {
			values = append(values, query[name]...)
		}
	}
	status := http.StatusUnauthorized
	if len(values) > 0 {
		status = statusOf(values[0])
	}
	if status == http.StatusUnauthorized {
		if len(values) > 0 {
			lockouts.add(client)
		}
		if !fault("challenge-missing") {
			w.Header().Set("WWW-Authenticate", "ApiKey")
		}
		if fault("wrong-key-differs") && len(values) > 0 {
			refuse(403)
		}
		if fault("wrong-secret-field") && len(values) > 0 && strings.HasPrefix(values[0], "gos_valid_") {
			w.Header().Set("X-Ratelimit-Key", "valid")
		}
		if fault("malformed-key-told") && len(values) > 0 && !strings.Contains(values[0], "_") {
			panic(told{401, "keys begin with gos_"})
		}
		if fault("revoked-key-detail") && len(values) > 0 && values[0] == revoked {
			panic(told{401, "the key was revoked"})
		}
		if fault("expired-key-field") && len(values) > 0 && strings.HasPrefix(values[0], "gos_expired_") {
			w.Header().Set("Deprecation", "true")
		}
		refuse(status)
	}
	if fault("lockout-forgotten-by-success") {
		lockouts.forget(client)
	}
	if status == http.StatusForbidden {
		if _, ok := routes[r.URL.Path]; !ok && fault("unscoped-told-paths") {
			refuse(404)
		}
		refuse(status)
	}
}

// limit charges the client, and sets the fields that tell of its quota.
func limit(w http.ResponseWriter, r *http.Request) {
	client := clientOf(r)
	switch planted {
	case "limiter-one-for-all":
		client = ""
	case "limiter-by-connection":
		client = r.RemoteAddr
	case "limiter-by-agent":
		client += " " + r.UserAgent()
	case "limiter-by-path":
		client += " " + r.RequestURI
	}
	isExempt := fault("limiter-skips-post") && r.Method == "POST"
	switch planted {
	case "limiter-by-url":
		client += " " + r.URL.String()
	case "limiter-by-escaped-path", "limiter-by-parameters":
		client += " " + r.URL.EscapedPath()
	case "limiter-by-origin":
		client += " " + r.Header.Get("Origin")
	case "limiter-by-method":
		client += " " + r.Method
	case "limiter-by-remote-addr":
		client = r.RemoteAddr
	case "limiter-by-any-key":
		client += " " + r.Header.Get("X-Api-Key")
	}
	left, wait := quotas.take(client)
	if fault("quota-only-watched") || isExempt {
		left = max(0, left)
	}
	if fault("limiter-missing") {
		left = burst
	}
	header := w.Header()
	header.Set("RateLimit-Policy", fmt.Sprintf(`"client";q=%d;w=%d`, burst, burst/perSecond))
	header.Set("RateLimit", fmt.Sprintf(`"client";r=%d;t=%.0f`, max(0, left), math.Ceil(wait)))
	if left >= 0 {
		return
	}
	after := max(1, int(math.Ceil(wait)))
	if fault("retry-after-zero") {
		after = 0
	}
	if !fault("no-retry-after") {
		header.Set("Retry-After", strconv.Itoa(after))
	}
	if fault("limiter-503") {
		refuse(503)
	}
	refuse(429)
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}
