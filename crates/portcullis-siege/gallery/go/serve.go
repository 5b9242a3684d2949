package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
)

// bodyOf is the whole body, or a refusal that ends the connection.
func bodyOf(w http.ResponseWriter, r *http.Request) []byte {
	most := int64(bodyBytes)
	if fault("body-limit-four-times") {
		most *= 4
	}
	if r.ContentLength > most && !fault("body-declared-unchecked") {
		refuse(413)
	}
	if fault("body-chunked-unchecked", "body-declared-unchecked") {
		most = 1 << 30
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		refuse(408)
	} else if err != nil {
		refuse(400)
	}
	if int64(len(body)) > most {
		refuse(413)
	}
	return body
}

// serve answers one request.
func serve(w http.ResponseWriter, r *http.Request) {
	read := r.Body == http.NoBody
	defer func() {
		failure := recover()
		if failure == nil {
			return
		}
		if failure == http.ErrAbortHandler {
			panic(failure)
		}
		if !read && fault("cl-te-kept-open", "te-cl-kept-open", "lengths-checked-once") {
			_, _ = io.Copy(io.Discard, r.Body)
		} else if !read || draining.Load() {
			// What is left of a body is nobody's.
			w.Header().Set("Connection", "close")
		}
		if refused, ok := failure.(refused); ok {
			problem(w, r, refused.status, "")
			return
		}
		if told, ok := failure.(told); ok {
			problem(w, r, told.status, told.detail)
			return
		}
		if strings.Contains(r.Header.Get("Accept"), "text/html") && fault("html-stack") {
			w.Header().Set("X-Request-Id", requestID(r))
			answer(w, r, 500, "text/html", append([]byte("<pre>"), debug.Stack()...))
			return
		}
		if r.URL.Query().Has("debug") && fault("debug-parameter") {
			problem(w, r, 500, string(debug.Stack()))
			return
		}
		log.Printf("%v\n%s", failure, debug.Stack())
		switch planted {
		case "panic-kills-connection":
			panic(http.ErrAbortHandler)
		case "panic-text-leaked":
			problem(w, r, 500, fmt.Sprintf("panicked at a handler: %v", failure))
		case "stack-in-500":
			problem(w, r, 500, string(debug.Stack()))
		default:
			problem(w, r, 500, "")
		}
	}()
	if strings.HasPrefix(r.RequestURI, secret) {
		status, _ := strconv.Atoi(strings.TrimPrefix(r.RequestURI, secret))
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		}
		refuse(status)
	}
	if fault("trace-echoed") && r.Method == http.MethodTrace {
		w.Header().Set("X-Request-Id", requestID(r))
		answer(w, r, 200, "message/http", []byte(fmt.Sprint(r.Header)))
		return
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if fault("slash-needs-no-key") && path == "/api/hello/" {
		hello(w, r, nil)
		return
	}
	found := routes[routedPath(path)]
	if place := redirectOf(r, path); place != "" {
		w.Header().Set("X-Request-Id", requestID(r))
		w.Header().Set("Location", place)
		answer(w, r, http.StatusPermanentRedirect, "", nil)
		return
	}
	if found.isProbe && fault("probes-limited") {
		limit(w, r)
	}
	switch r.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	case "TRACE":
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		refuse(405)
	default:
		refuse(501)
	}
	isTold := fault("unknown-told-to-post") && r.Method == "POST" && found.method == ""
	if needsKey(checkedPath(r, path)) && !isExempt(r) && !isTold {
		authenticate(w, r)
	}
	method := servedMethod(r)
	if method == http.MethodOptions {
		options(w, r, found)
		return
	}
	if found.method == "" {
		refuse(404)
	}
	if fault("limiter-by-method", "limiter-skips-post") && path == "/api/limited" && method == "POST" {
		method = "GET"
	}
	if method != found.method && !(method == "HEAD" && found.method == "GET") {
		w.Header().Set("Allow", found.allowed())
		refuse(405)
	}
	coding := r.Header.Get("Content-Encoding")
	if coding != "" && !strings.EqualFold(coding, "identity") && isCoded(r) {
		w.Header().Set("Accept-Encoding", "identity")
		refuse(415)
	}
	if fault("upload-permits-leaked") {
		uploads.Add(1)
	}
	body := bodyOf(w, r)
	if fault("upload-permits-leaked") {
		uploads.Add(-1)
	}
	read = true
	if strings.EqualFold(coding, "gzip") {
		body = unpacked(w, r, body)
	}
	work(w, r, found, body)
}

// work takes a place for a handler, if there is one. A body that is still read takes nobody's.
func work(w http.ResponseWriter, r *http.Request, found route, body []byte) {
	if !found.isProbe {
		count := working.Add(1)
		if fault("gone-client-keeps-permit") {
			defer func() {
				if r.Context().Err() == nil {
					working.Add(-1)
				}
			}()
		} else {
			defer working.Add(-1)
		}
		if count+uploads.Load() > inFlight && !fault("no-shedding") {
			w.Header().Set("Retry-After", "1")
			refuse(503)
		}
	}
	found.handle(w, r, body)
}
