package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

var (
	uploads atomic.Int64
	store   sync.Mutex
)

// own belongs to one client.
func own(w http.ResponseWriter, r *http.Request, _ []byte) {
	isOwners := r.Header.Get("X-Api-Key") != other
	if !isOwners && !fault("own-unchecked") && !(fault("own-head-unchecked") && r.Method == "HEAD") {
		refuse(404)
	}
	ok(w, r, `{"balance":"of the first client"}`)
}

// admin is what none of the keys may do.
func admin(w http.ResponseWriter, r *http.Request, _ []byte) {
	isElsewhere := fault("admin-by-uri") && r.RequestURI != "/api/admin"
	if !fault("admin-unchecked") && !isElsewhere {
		refuse(403)
	}
	ok(w, r, `{"clients":"all of them"}`)
}

func metrics(w http.ResponseWriter, r *http.Request, _ []byte) {
	w.Header().Set("X-Request-Id", requestID(r))
	answer(w, r, 200, "text/plain; version=0.0.4", []byte("up 1\n"))
}

func page(w http.ResponseWriter, r *http.Request, _ []byte) {
	nonce := random()
	policy := "default-src 'none'; script-src 'nonce-" + nonce + "'; frame-ancestors 'none'"
	switch planted {
	case "csp-any-host":
		policy = "default-src 'none'; script-src *; frame-ancestors 'none'"
	case "csp-scripts-missing":
		policy = "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
	}
	w.Header().Set("X-Request-Id", requestID(r))
	w.Header().Set("Content-Security-Policy", policy)
	body := "<!doctype html><title>Gallery</title><script nonce=\"" + nonce + "\"></script>"
	answer(w, r, 200, "text/html; charset=utf-8", []byte(body))
}

// unpacked is a body without its coding: only with a fault is one known.
func unpacked(w http.ResponseWriter, r *http.Request, body []byte) []byte {
	codings := r.Header.Values("Content-Encoding")
	for i := len(codings) - 1; i >= 0; i-- {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			refuse(400)
		}
		var in io.Reader = reader
		if fault("unpacked-cut-at-limit") {
			in = io.LimitReader(reader, bodyBytes)
		}
		if body, err = io.ReadAll(in); err != nil {
			refuse(400)
		}
	}
	return body
}

// isCoded: whether a body has a coding that is not known.
func isCoded(r *http.Request) bool {
	if fault("unpacked-unbounded", "unpacked-cut-at-limit") {
		return !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip")
	}
	return true
}

type item struct {
	ID   int
	Name string
}

// readJSON is what a handler of JSON does with a body.
func readJSON(w http.ResponseWriter, r *http.Request, body []byte) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if fault("media-type-panics") && err != nil && len(r.Header.Values("Content-Type")) > 0 {
		panic(err)
	}
	if kind != "application/json" {
		return
	}
	if fault("json-panics") {
		var value map[string]any
		if err := json.Unmarshal(body, &value); err != nil {
			panic(err)
		}
	}
	if fault("json-types-told") {
		var one item
		if err := json.Unmarshal(body, &one); err != nil {
			_, file, line, _ := runtime.Caller(0)
			panic(told{400, fmt.Sprintf("%s:%d: %v", file, line, err)})
		}
	}
}

// told is a refusal with a detail.
type told struct {
	status int
	detail string
}

// readQuery is what a handler does with a query.
func readQuery(r *http.Request) {
	values := r.URL.Query()
	if id := values.Get("id"); fault("query-file-told") && !utf8.ValidString(id) {
		_, file, line, _ := runtime.Caller(0)
		panic(told{400, fmt.Sprintf("%s:%d: invalid UTF-8 in %q", file, line, id)})
	}
	if fault("sql-told") && strings.Contains(values.Get("id"), "'") {
		panic(told{400, `pq: syntax error at or near "'" (SQLSTATE 42601)`})
	}
}

// keptBy is for caches: nothing, unless a fault is planted.
func keptBy(r *http.Request, status int) string {
	if status == 200 && r.Header.Get("X-Api-Key") != "" {
		switch {
		case fault("protected-public"):
			return "public"
		case fault("suffix-matched") && strings.HasSuffix(r.URL.Path, ".css"):
			return "max-age=3600"
		}
	}
	return "no-store"
}
