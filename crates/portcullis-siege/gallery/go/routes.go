package main

import (
	"bytes"
	"encoding/json"
	"expvar"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

var short = regexp.MustCompile(`^[0-9]{1,7}$`)

type handler func(http.ResponseWriter, *http.Request, []byte)

type route struct {
	method  string
	needs   bool
	isProbe bool
	handle  handler
}

var routes = map[string]route{
	"/health":         {"GET", false, true, health},
	"/ready":          {"GET", false, true, ready},
	"/api/hello":      {"GET", true, false, hello},
	"/api/limited":    {"GET", false, false, limited},
	"/api/echo":       {"POST", false, false, echo},
	"/api/own":        {"GET", true, false, own},
	"/api/admin":      {"GET", true, false, admin},
	"/metrics":        {"GET", true, false, metrics},
	"/":               {"GET", false, false, page},
	"/api/panic":      {"GET", false, false, fails},
	"/api/panic-body": {"GET", false, false, failsLate},
	"/api/slow":       {"GET", false, false, slow},
	"/api/large":      {"GET", false, false, large},
}

// expvar's page, with the command line in it, as it stands on the default mux.
func debugVars(w http.ResponseWriter, r *http.Request, _ []byte) {
	expvar.Handler().ServeHTTP(w, r)
}

func (r route) allowed() string {
	switch r.method {
	case "":
		return "OPTIONS"
	case "GET":
		return "GET, HEAD, OPTIONS"
	default:
		return r.method + ", OPTIONS"
	}
}

func health(w http.ResponseWriter, r *http.Request, _ []byte) {
	if host := r.Header.Get("X-Forwarded-Host"); fault("host-forwarded") && host != "" {
		text, _ := json.Marshal(host)
		ok(w, r, `{"status":"ok","host":`+string(text)+`}`)
		return
	}
	readQuery(r)
	if fault("health-tells-versions") {
		text, _ := json.Marshal(map[string]string{"go": runtime.Version(), "db": "postgres://app:hunter2@db.internal/app"})
		ok(w, r, string(text))
		return
	}
	ok(w, r, `{"status":"ok"}`)
}

func ready(w http.ResponseWriter, r *http.Request, _ []byte) {
	if draining.Load() && !fault("ready-while-draining") {
		refuse(503)
	}
	ok(w, r, `{"status":"ready"}`)
}

func hello(w http.ResponseWriter, r *http.Request, _ []byte) {
	ok(w, r, `{"hello":"client"}`)
}

func limited(w http.ResponseWriter, r *http.Request, _ []byte) {
	limit(w, r)
	ok(w, r, `{"limited":true}`)
}

func echo(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("X-Request-Id", requestID(r))
	readJSON(w, r, body)
	kind := "application/octet-stream"
	if given := r.Header.Get("Content-Type"); fault("content-type-echoed") && given != "" {
		kind = given
	}
	answer(w, r, http.StatusOK, kind, body)
}

func fails(http.ResponseWriter, *http.Request, []byte) {
	if fault("lock-not-given-back") {
		// Without `defer`.
		store.Lock()
	}
	panic("siege panic: password of the store is hunter2")
}

func failsLate(w http.ResponseWriter, r *http.Request, _ []byte) {
	w.Header().Set("X-Request-Id", requestID(r))
	answer(w, r, http.StatusOK, "text/plain", nil)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = io.WriteString(w, "first")
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	if !fault("panic-body-ended-clean") {
		panic(http.ErrAbortHandler)
	}
}

func slow(w http.ResponseWriter, r *http.Request, _ []byte) {
	text := r.URL.Query().Get("ms")
	if !short.MatchString(text) {
		refuse(400)
	}
	ms, _ := strconv.Atoi(text)
	late := time.Duration(ms)*time.Millisecond > deadline && !fault("deadline-missing")
	wait := time.Duration(ms) * time.Millisecond
	if late {
		wait = deadline
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
	if late {
		w.Header().Set("Retry-After", "1")
		refuse(503)
	}
	ok(w, r, `{"slow":true}`)
}

func large(w http.ResponseWriter, r *http.Request, _ []byte) {
	piece, count := bytes.Repeat([]byte("a"), 64<<10), 256
	w.Header().Set("X-Request-Id", requestID(r))
	if ranges := r.Header.Get("Range"); fault("range-panics") && ranges != "" {
		var first, last int
		_, _ = fmt.Sscanf(ranges, "bytes=%d-%d", &first, &last)
		piece, count = piece[first:last+1], 1
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(piece)*count))
	answer(w, r, http.StatusOK, "application/octet-stream", nil)
	for i := 0; i < count && r.Method != http.MethodHead; i++ {
		if _, err := w.Write(piece); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

func options(w http.ResponseWriter, r *http.Request, found route) {
	header := w.Header()
	if r.Header.Get(preflight) != "" {
		if !allows(r.Header.Get("Origin")) {
			refuse(403)
		}
		names := "X-API-Key, Content-Type"
		if fault("preflight-headers-mirrored") {
			names = r.Header.Get("Access-Control-Request-Headers")
		}
		header.Set("Access-Control-Allow-Methods", found.allowed())
		header.Set("Access-Control-Allow-Headers", names)
	}
	header.Set("Allow", found.allowed())
	if !fault("options-without-id") {
		header.Set("X-Request-Id", requestID(r))
	}
	answer(w, r, http.StatusNoContent, "", nil)
}

const preflight = "Access-Control-Request-Method"
