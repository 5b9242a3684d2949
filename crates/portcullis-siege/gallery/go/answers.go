package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

var secure = [][2]string{
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
}

// requestID is a fresh one, always: what a client sends is its own affair.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); fault("id-reflected") && id != "" {
		return id
	}
	if fault("ids-sequential") {
		return fmt.Sprintf("%032x", counter.Add(1))
	}
	return random()
}

func allows(given string) bool {
	if fault("cors-suffix") && strings.HasSuffix(given, "good.com") {
		return true
	}
	if fault("cors-subdomains") && strings.HasSuffix(given, ".good.com") {
		return true
	}
	if fault("cors-regexp") {
		return regexp.MustCompile("^" + origin + "$").MatchString(given)
	}
	return given != "" && (given == origin || fault("cors-mirrored"))
}

// answer writes one answer, with the fields that each has.
func answer(w http.ResponseWriter, r *http.Request, status int, kind string, body []byte) {
	header := w.Header()
	if kind != "" {
		header.Set("Content-Type", kind)
	}
	isBare := status >= 400 && fault("errors-without-headers") || status == 415 && fault("media-bare")
	if !isBare {
		for _, field := range secure {
			if header.Get(field[0]) == "" {
				header.Set(field[0], field[1])
			}
		}
	}
	if fault("headers-twice") {
		header.Add("X-Content-Type-Options", "nosniff")
	}
	if !fault("errors-stored") {
		header.Set("Cache-Control", keptBy(r, status))
	}
	if !fault("vary-missing") {
		header.Set("Vary", "Origin")
	}
	if fault("server-named") {
		header.Set("Server", "Go")
	}
	if fault("timing-told") {
		header.Set("Server-Timing", `redis;dur=0.3, app;dur=1.1`)
	}
	if fault("hsts-a-month") && isForwardedTLS(r) {
		header.Set("Strict-Transport-Security", "max-age=2592000")
	}
	if fault("hsts-on-http") {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if given := r.Header.Get("Origin"); allows(given) {
		header.Set("Access-Control-Allow-Origin", given)
	} else if fault("cors-with-cookie") && given != "" && r.Header.Get("Cookie") != "" {
		header.Set("Access-Control-Allow-Origin", given)
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	if status != http.StatusNoContent && header.Get("Transfer-Encoding") == "" && body != nil {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

func isForwardedTLS(r *http.Request) bool {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host == trusted.String() && r.Header.Get("X-Forwarded-Proto") == "https"
}

func ok(w http.ResponseWriter, r *http.Request, body string) {
	w.Header().Set("X-Request-Id", requestID(r))
	answer(w, r, http.StatusOK, "application/json", []byte(body))
}

// problem is an error as RFC 9457 has it, without a word of what is inside.
func problem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	id := requestID(r)
	if status != http.StatusUnauthorized || !fault("id-missing-on-401") {
		w.Header().Set("X-Request-Id", id)
	}
	problem := map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "request_id": id,
	}
	if fault("version-told") && status == 404 {
		detail = "caddy/2.6.2"
	}
	if detail != "" {
		problem["detail"] = detail
	}
	body, _ := json.Marshal(problem)
	answer(w, r, status, "application/problem+json", body)
}

// refused is an answer in place of what was wanted.
type refused struct{ status int }

func refuse(status int) {
	panic(refused{status})
}
