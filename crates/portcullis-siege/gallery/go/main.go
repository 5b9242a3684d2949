// A right server on Go's net/http, and with `--fault NAME` exactly one thing wrong.
//
// The siege is tested on it: nothing must be found in the right one, and each fault (`faults.txt`,
// beside this file) by its attack. The standard library only, of Go 1.19.
//
// net/http forgives a bare LF, the spaces around a coding and more of the kind. So a guard stands on
// each connection: it hands on heads and chunks whose framing is beyond doubt, and in place of any
// other head a request of its own, which the handler answers with a refusal.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	origin            = "https://good.com"
	valid             = "gos_valid_4f9c2b7d1e8a6053"
	revoked           = "gos_revoked_4f9c2b7d1e8a6053"
	other             = "gos_other_9b3e6a1c7d20f548"
	longestKey        = 128
	headBytes         = 16 << 10
	fieldCount        = 100
	longestTarget     = 8 << 10
	bodyBytes         = 64 << 10
	headTime          = 2 * time.Second
	readTime          = 4 * time.Second
	writeTime         = 5 * time.Second
	idleTime          = 4 * time.Second
	deadline          = time.Second
	drainTime         = 2 * time.Second
	connections       = 600
	clientConnections = 128
	inFlight          = 32
	burst             = 10
	perSecond         = 5
	lockAfter         = 5
	lockTime          = time.Minute
)

var (
	//go:embed faults.txt
	rows    string
	planted string
	trusted = netip.MustParseAddr("127.0.0.100")

	// What the guard's own requests begin with: nobody else knows it.
	secret   = "/" + random() + "/"
	counter  atomic.Uint64
	working  atomic.Int64
	draining atomic.Bool
	quotas   = limiter{states: map[string]bucket{}}
	lockouts = locks{wrong: map[string][]time.Time{}}
)

func fault(names ...string) bool {
	for _, name := range names {
		if planted == name {
			return true
		}
	}
	return false
}

func random() string {
	bytes := make([]byte, 16)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	return hex.EncodeToString(bytes)
}
func limitOf(time time.Duration, names ...string) time.Duration {
	if fault(names...) {
		return 0
	}
	return time
}

func main() {
	port := flag.Int("port", 0, "the port; 0 is any")
	flag.StringVar(&planted, "fault", "", "what is wrong")
	flag.Parse()
	if planted != "" && !strings.Contains("\n"+rows, "\n"+planted+" ") {
		fmt.Fprintf(os.Stderr, "%s: no such fault\n", planted)
		os.Exit(2)
	}
	if fault("debug-vars") {
		routes["/debug/vars"] = route{"GET", false, false, debugVars}
	}
	inner, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(serve),
		ReadHeaderTimeout: limitOf(headTime, "header-timeout-missing"),
		ReadTimeout:       limitOf(readTime, "header-timeout-missing", "body-timeout-missing"),
		WriteTimeout:      limitOf(writeTime, "write-timeout-missing", "deadline-missing"),
		IdleTimeout:       limitOf(idleTime, "idle-timeout-missing"),
		MaxHeaderBytes:    2 << 20,
	}
	if fault("idle-timeout-missing") {
		server.IdleTimeout = time.Hour
	}
	done := make(chan struct{})
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		<-stop
		drain(server)
		close(done)
	}()
	fmt.Printf("listening on http://%s\n", inner.Addr())
	err = server.Serve(&listener{Listener: inner, each: map[string]int{}})
	if !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-done
}

// drain lets what is in flight end, for a while.
func drain(server *http.Server) {
	draining.Store(true)
	if fault("ready-while-draining") {
		time.Sleep(drainTime / 2)
	}
	if fault("stop-drops-requests") {
		server.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}
