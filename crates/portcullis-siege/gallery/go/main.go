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
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	origin            = "https://good.com"
	valid             = "gos_valid_4f9c2b7d1e8a6053"
	revoked           = "gos_revoked_4f9c2b7d1e8a6053"
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

	token     = regexp.MustCompile("^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$")
	part      = `(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*`
	form      = regexp.MustCompile(`^/` + part + `(?:\?(?:` + part + `|\?)*)?$`)
	authority = regexp.MustCompile(`^([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$`)
	absolute  = regexp.MustCompile(`^(?i:http)://([^/?#]*)(.*)$`)
	version   = regexp.MustCompile(`^HTTP/[0-9]\.[0-9]$`)
	chunk     = regexp.MustCompile(`^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?$`)
	digits    = regexp.MustCompile(`^[0-9]{1,15}$`)
	short     = regexp.MustCompile(`^[0-9]{1,7}$`)

	// Of these a request has one at most.
	single = []string{
		"host", "content-length", "transfer-encoding", "content-type", "content-encoding", "expect",
		"authorization", "x-api-key", "origin",
	}
	secure = [][2]string{
		{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
	}
	keys = []struct {
		digest [32]byte
		status int
	}{
		{sha256.Sum256([]byte(valid)), 200},
		{sha256.Sum256([]byte(revoked)), 401},
		{sha256.Sum256([]byte("gos_expired_4f9c2b7d1e8a6053")), 401},
		{sha256.Sum256([]byte("gos_unscoped_4f9c2b7d1e8a6053")), 403},
	}

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

// ===== The guard

var errBad = errors.New("a message that can't be believed")

// guarded is a connection whose requests were looked at before net/http reads them.
type guarded struct {
	net.Conn
	in *bufio.Reader
	// What net/http has yet to read.
	out bytes.Buffer
	// The head or the line that is being read.
	line    []byte
	next    func(*guarded) error
	left    int64
	extras  int
	served  int
	failed  error
	closing sync.Once
	release func()
}

func (g *guarded) Read(into []byte) (int, error) {
	for g.out.Len() == 0 {
		if g.failed != nil {
			return 0, g.failed
		}
		if err := g.next(g); err != nil {
			return 0, err
		}
	}
	return g.out.Read(into)
}

// Close lets the client read the answer, whatever it still sends.
func (g *guarded) Close() error {
	g.closing.Do(func() {
		g.release()
		tcp, ok := g.Conn.(*net.TCPConn)
		if !ok || tcp.CloseWrite() != nil {
			g.Conn.Close()
			return
		}
		go func() {
			defer g.Conn.Close()
			_ = g.Conn.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, g.Conn)
		}()
	})
	return nil
}

// refuse puts a request of the guard's own in place of one that it refuses.
func (g *guarded) refuse(status int) error {
	method := "GET"
	if bytes.HasPrefix(g.line, []byte("HEAD ")) {
		method = "HEAD"
	}
	fmt.Fprintf(&g.out, "%s %s%d HTTP/1.1\r\nHost: guard\r\nConnection: close\r\n\r\n",
		method, secret, status)
	g.failed = io.EOF
	return nil
}

// readLine goes on with a line, and returns it without its CRLF when it is whole.
func (g *guarded) readLine(most int) ([]byte, int, error) {
	start := bytes.LastIndexByte(g.line, '\n') + 1
	for {
		next, err := g.in.ReadByte()
		if err != nil {
			return nil, 0, err
		}
		g.line = append(g.line, next)
		if next == '\n' {
			break
		}
		if len(g.line) > most {
			return nil, 431, nil
		}
	}
	line := g.line[start:]
	if !bytes.HasSuffix(line, []byte("\r\n")) {
		lenient := fault("head-bare-lf-served") || fault("bare-lf-checked-once") && g.served > 0
		if !lenient {
			return nil, 400, nil
		}
		line = append(line[:len(line)-1:len(line)-1], "\r\n"...)
	}
	line = line[:len(line)-2]
	if bytes.IndexByte(line, '\r') >= 0 {
		return nil, 400, nil
	}
	return line, 0, nil
}

func (g *guarded) head() error {
	lines, most := bytes.Count(g.line, []byte("\n")), headBytes
	if fault("head-unbounded", "target-unbounded") {
		most = 1 << 20
	}
	for {
		line, status, err := g.readLine(most)
		if err != nil {
			return err
		}
		if status == 431 && lines == 0 {
			status = 414
		}
		if status != 0 {
			return g.refuse(status)
		}
		lines++
		if lines > fieldCount+2 && !fault("fields-unbounded") {
			return g.refuse(431)
		}
		if len(line) > 0 {
			continue
		}
		if lines == 1 && g.extras == 0 {
			// One blank line is forgiven: RFC 9112, 2.2.
			g.line, g.extras, lines = nil, 1, 0
			continue
		}
		return g.judge()
	}
}

// judge hands on a whole head, or refuses it.
func (g *guarded) judge() error {
	text := strings.ReplaceAll(string(g.line), "\r\n", "\n")
	lines := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n")
	message, status := parse(lines, g.served > 0)
	if status != 0 {
		return g.refuse(status)
	}
	g.out.WriteString(message.start + "\r\n")
	for _, field := range message.fields {
		g.out.WriteString(field[0] + ": " + field[1] + "\r\n")
	}
	g.out.WriteString("\r\n")
	g.line, g.extras, g.left, g.served = nil, 0, message.length, g.served+1
	g.next = (*guarded).body
	if message.chunked {
		g.next = (*guarded).size
	}
	return nil
}

func (g *guarded) body() error {
	if g.left == 0 {
		g.next = (*guarded).head
		return nil
	}
	_, err := g.copy()
	return err
}

func (g *guarded) copy() (bool, error) {
	piece := make([]byte, 4096)
	if int64(len(piece)) > g.left {
		piece = piece[:g.left]
	}
	count, err := g.in.Read(piece)
	g.out.Write(piece[:count])
	g.left -= int64(count)
	return g.left == 0, err
}

func (g *guarded) chunkLine() ([]byte, error) {
	line, status, err := g.readLine(256)
	if err == nil && status != 0 {
		g.failed = errBad
		return nil, errBad
	}
	if err == nil {
		g.extras += len(line)
		g.line = nil
	}
	return line, err
}

func (g *guarded) size() error {
	line, err := g.chunkLine()
	if err != nil {
		return err
	}
	match := chunk.FindSubmatch(line)
	if match == nil || g.extras > 16<<10 {
		g.failed = errBad
		return errBad
	}
	// Chunks may be small and many: only what else stands there is bounded.
	g.extras -= len(match[1])
	g.left, _ = strconv.ParseInt(string(match[1]), 16, 64)
	if g.left == 0 {
		g.next = (*guarded).trailer
		return nil
	}
	fmt.Fprintf(&g.out, "%x\r\n", g.left)
	g.next = (*guarded).data
	return nil
}

func (g *guarded) data() error {
	done, err := g.copy()
	if done {
		g.next = (*guarded).end
	}
	return err
}

func (g *guarded) end() error {
	line, err := g.chunkLine()
	if err != nil {
		return err
	}
	if len(line) > 0 {
		g.failed = errBad
		return errBad
	}
	g.out.WriteString("\r\n")
	g.next = (*guarded).size
	return nil
}

// trailer reads trailers, and keeps none.
func (g *guarded) trailer() error {
	line, err := g.chunkLine()
	if err != nil {
		return err
	}
	if len(line) == 0 {
		g.extras = 0
		g.out.WriteString("0\r\n\r\n")
		g.next = (*guarded).head
		return nil
	}
	if _, status := parseField(string(line)); status != 0 || g.extras > 16<<10 {
		g.failed = errBad
		return errBad
	}
	return nil
}

// message is a head whose framing is beyond doubt.
type message struct {
	start   string
	fields  [][2]string
	length  int64
	chunked bool
}

func (m *message) all(name string) []string {
	var values []string
	for _, field := range m.fields {
		if field[0] == name {
			values = append(values, field[1])
		}
	}
	return values
}

func parseField(line string) ([2]string, int) {
	name, rest, ok := strings.Cut(line, ":")
	if fault("space-before-colon-served") {
		name = strings.TrimRight(name, " \t")
	}
	rest = strings.Trim(rest, " \t")
	if !ok || !token.MatchString(name) || !isValue(rest) {
		return [2]string{}, 400
	}
	return [2]string{strings.ToLower(name), rest}, 0
}

// isValue looks at bytes: a pattern would see characters.
func isValue(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' && text[i] != '\t' || text[i] == 0x7f {
			return false
		}
	}
	return true
}

func parse(lines []string, later bool) (*message, int) {
	words := strings.Split(lines[0], " ")
	if len(words) != 3 || !token.MatchString(words[0]) {
		return nil, 400
	}
	if words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0" {
		if version.MatchString(words[2]) {
			return nil, 505
		}
		return nil, 400
	}
	if len(words[1]) > longestTarget && !fault("target-unbounded") {
		return nil, 414
	}
	message := &message{}
	for _, line := range lines[1:] {
		field, status := parseField(line)
		if status != 0 {
			return nil, status
		}
		message.fields = append(message.fields, field)
	}
	target, status := message.check(words[0], words[1])
	if status == 0 {
		status = message.frame(words[2], later)
	}
	message.start = words[0] + " " + target + " " + words[2]
	return message, status
}

// check looks at what every request must have. Returns the target's path and query.
func (m *message) check(method, target string) (string, int) {
	for _, name := range single {
		forgiven := name == "x-api-key" && fault("first-of-two-keys")
		forgiven = forgiven || name == "transfer-encoding" && fault("te-obfuscated-ignored")
		if len(m.all(name)) > 1 && !forgiven {
			return "", 400
		}
	}
	host := strings.Join(m.all("host"), "")
	if len(m.all("host")) == 0 && fault("host-missing-served") {
		host = "localhost"
		m.fields = append(m.fields, [2]string{"host", host})
	}
	if status := m.authority(host); status != 0 {
		return "", status
	}
	if expect := m.all("expect"); len(expect) > 0 && !strings.EqualFold(expect[0], "100-continue") {
		return "", 417
	}
	if method == "CONNECT" {
		return "", 405
	}
	if method == "OPTIONS" && target == "*" {
		return target, 0
	}
	if match := absolute.FindStringSubmatch(target); match != nil {
		if status := m.authority(match[1]); status != 0 {
			return "", status
		}
		if !strings.EqualFold(match[1], host) {
			return "", 400
		}
		target = match[2]
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
	}
	if !form.MatchString(target) {
		return "", 400
	}
	return target, 0
}

func (m *message) authority(text string) int {
	match := authority.FindStringSubmatch(text)
	if match == nil {
		if fault("host-invalid-served") {
			m.set("host", "localhost")
			return 0
		}
		return 400
	}
	name := strings.ToLower(match[1])
	if name != "127.0.0.1" && name != "localhost" && !fault("host-unchecked") {
		return 421
	}
	return 0
}

func (m *message) set(name, value string) {
	for i := range m.fields {
		if m.fields[i][0] == name {
			m.fields[i][1] = value
		}
	}
}

func (m *message) without(name string) {
	var fields [][2]string
	for _, field := range m.fields {
		if field[0] != name {
			fields = append(fields, field)
		}
	}
	m.fields = fields
}

// frame finds how long the body is: exactly one thing may tell it.
func (m *message) frame(version string, later bool) int {
	if len(m.all("transfer-encoding")) > 0 && len(m.all("content-length")) > 0 {
		if fault("cl-te-kept-open") || fault("lengths-checked-once") && later {
			m.without("content-length")
		} else if fault("te-cl-kept-open") {
			m.without("transfer-encoding")
		}
	}
	lengths, codings := m.all("content-length"), m.all("transfer-encoding")
	if len(codings) > 0 {
		if len(codings) > 1 || !strings.EqualFold(codings[0], "chunked") {
			if !fault("te-obfuscated-ignored") {
				return 501
			}
			m.without("transfer-encoding")
			return 0
		}
		if len(lengths) > 0 || version != "HTTP/1.1" {
			return 400
		}
		m.chunked = true
	}
	if len(lengths) > 0 {
		if !digits.MatchString(lengths[0]) {
			return 400
		}
		m.length, _ = strconv.ParseInt(lengths[0], 10, 64)
	}
	return 0
}

// listener bounds the connections, of all and of each address.
type listener struct {
	net.Listener
	lock sync.Mutex
	all  int
	each map[string]int
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		if !l.take(client) {
			conn.Close()
			continue
		}
		return &guarded{
			Conn: conn, in: bufio.NewReader(conn), next: (*guarded).head,
			release: func() { l.give(client) },
		}, nil
	}
}

func (l *listener) take(client string) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.all >= connections || l.each[client] >= clientConnections {
		return false
	}
	l.all++
	l.each[client]++
	return true
}

func (l *listener) give(client string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.all--
	if l.each[client]--; l.each[client] == 0 {
		delete(l.each, client)
	}
}

// ===== What all connections share

type bucket struct {
	left float64
	at   time.Time
}

// refilled is what a bucket has by now.
func (b bucket) refilled(now time.Time, most float64) float64 {
	return math.Min(most, b.left+now.Sub(b.at).Seconds()*perSecond)
}

type limiter struct {
	sync.Mutex
	states map[string]bucket
}

// take returns the tokens that are left, or -1, and the seconds until there is another one.
func (l *limiter) take(client string) (int, float64) {
	l.Lock()
	defer l.Unlock()
	now, most := time.Now(), float64(burst)
	if fault("limiter-one-more") {
		most++
	}
	if len(l.states) > 10_000 {
		for key, state := range l.states {
			if state.refilled(now, most) >= most {
				delete(l.states, key)
			}
		}
	}
	state, ok := l.states[client]
	if !ok {
		state = bucket{most, now}
	}
	left := state.refilled(now, most)
	if fault("limiter-race") {
		l.Unlock()
		time.Sleep(5 * time.Millisecond)
		l.Lock()
	}
	if left < 1 {
		l.states[client] = bucket{left, now}
		return -1, (1 - left) / perSecond
	}
	l.states[client] = bucket{left - 1, now}
	return int(left - 1), math.Max(0, (2-left)/perSecond)
}

// locks are the wrong keys of each client, for a minute. A right key forgets none.
type locks struct {
	sync.Mutex
	wrong map[string][]time.Time
}

func (l *locks) seconds(client string) int {
	l.Lock()
	defer l.Unlock()
	times, now := l.wrong[client], time.Now()
	if len(times) < lockAfter || fault("lockout-missing") {
		return 0
	}
	left := times[len(times)-lockAfter].Add(lockTime).Sub(now)
	return int(math.Max(0, math.Ceil(left.Seconds())))
}

func (l *locks) add(client string) {
	l.Lock()
	defer l.Unlock()
	now := time.Now()
	if len(l.wrong) > 10_000 {
		for key, times := range l.wrong {
			if times[len(times)-1].Add(lockTime).Before(now) {
				delete(l.wrong, key)
			}
		}
	}
	times := append(l.wrong[client], now)
	if len(times) > lockAfter {
		times = times[len(times)-lockAfter:]
	}
	l.wrong[client] = times
}

func (l *locks) forget(client string) {
	l.Lock()
	defer l.Unlock()
	delete(l.wrong, client)
}

// statusOf compares every digest, each in constant time.
func statusOf(key string) int {
	if fault("key-prefix-enough") && strings.HasPrefix(key, valid) {
		return 200
	}
	if fault("revoked-still-valid") && key == revoked {
		return 200
	}
	if len(key) > longestKey {
		return 401
	}
	if fault("key-case-ignored") {
		key = strings.ToLower(key)
	}
	digest, found := sha256.Sum256([]byte(key)), 401
	for _, known := range keys {
		if subtle.ConstantTimeCompare(digest[:], known.digest[:]) == 1 {
			found = known.status
		}
	}
	return found
}

// clientOf is the address whose quota is charged: forwarded ones count from the trusted proxy only.
func clientOf(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	peer, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	lines := r.Header.Values("X-Forwarded-For")
	if fault("forwarded-first-line") && len(lines) > 1 {
		lines = lines[:1]
	}
	entries := strings.Split(strings.Join(lines, ","), ",")
	if fault("forwarded-from-anyone") && len(lines) > 0 {
		return strings.TrimSpace(entries[len(entries)-1])
	}
	if fault("real-ip-believed") && r.Header.Get("X-Real-Ip") != "" {
		return r.Header.Get("X-Real-Ip")
	}
	if peer != trusted || len(lines) == 0 {
		return group(peer)
	}
	if fault("forwarded-leftmost") {
		return strings.TrimSpace(entries[0])
	}
	for i := len(entries) - 1; i >= 0; i-- {
		address, err := netip.ParseAddr(strings.TrimSpace(entries[i]))
		if err != nil || address.Zone() != "" {
			if fault("forwarded-garbage-believed") {
				return entries[i]
			}
			return group(peer)
		}
		if address = address.Unmap(); address != trusted {
			return group(address)
		}
	}
	return group(peer)
}

// group is an IPv4 address, or the /64 of an IPv6 one.
func group(address netip.Addr) string {
	address = address.Unmap()
	if address.Is4() || fault("ipv6-by-address") {
		return address.String()
	}
	prefix, _ := address.Prefix(64)
	return prefix.String()
}

// ===== Answers

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
	return given != "" && (given == origin || fault("cors-mirrored"))
}

// answer writes one answer, with the fields that each has.
func answer(w http.ResponseWriter, r *http.Request, status int, kind string, body []byte) {
	header := w.Header()
	if kind != "" {
		header.Set("Content-Type", kind)
	}
	if status < 400 || !fault("errors-without-headers") {
		for _, field := range secure {
			header.Set(field[0], field[1])
		}
	}
	if fault("headers-twice") {
		header.Add("X-Content-Type-Options", "nosniff")
	}
	if !fault("errors-stored") {
		header.Set("Cache-Control", "no-store")
	}
	if !fault("vary-missing") {
		header.Set("Vary", "Origin")
	}
	if fault("server-named") {
		header.Set("Server", "Go")
	}
	if fault("hsts-on-http") {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if given := r.Header.Get("Origin"); allows(given) {
		header.Set("Access-Control-Allow-Origin", given)
	}
	if status != http.StatusNoContent && header.Get("Transfer-Encoding") == "" && body != nil {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
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

// ===== Routes

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
	"/api/panic":      {"GET", false, false, fails},
	"/api/panic-body": {"GET", false, false, failsLate},
	"/api/slow":       {"GET", false, false, slow},
	"/api/large":      {"GET", false, false, large},
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
	ok(w, r, `{"status":"ok"}`)
}

func ready(w http.ResponseWriter, r *http.Request, _ []byte) {
	if draining.Load() {
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
	answer(w, r, http.StatusOK, "application/octet-stream", body)
}

func fails(http.ResponseWriter, *http.Request, []byte) {
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
	header.Set("X-Request-Id", requestID(r))
	answer(w, r, http.StatusNoContent, "", nil)
}

const preflight = "Access-Control-Request-Method"

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
		refuse(status)
	}
	if fault("lockout-forgotten-by-success") {
		lockouts.forget(client)
	}
	if status == http.StatusForbidden {
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
	left, wait := quotas.take(client)
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
	refuse(429)
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// bodyOf is the whole body, or a refusal that ends the connection.
func bodyOf(w http.ResponseWriter, r *http.Request) []byte {
	if r.ContentLength > bodyBytes && !fault("body-declared-unchecked") {
		refuse(413)
	}
	most := int64(bodyBytes)
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
	found := routes[path]
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
	isPreflight := r.Method == http.MethodOptions && r.Header.Get(preflight) != ""
	if found.needs && !isPreflight {
		authenticate(w, r)
	}
	if r.Method == http.MethodOptions {
		options(w, r, found)
		return
	}
	if found.method == "" {
		refuse(404)
	}
	if r.Method != found.method && !(r.Method == "HEAD" && found.method == "GET") {
		w.Header().Set("Allow", found.allowed())
		refuse(405)
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		w.Header().Set("Accept-Encoding", "identity")
		refuse(415)
	}
	body := bodyOf(w, r)
	read = true
	work(w, r, found, body)
}

// work takes a place for a handler, if there is one. A body that is still read takes nobody's.
func work(w http.ResponseWriter, r *http.Request, found route, body []byte) {
	if !found.isProbe {
		count := working.Add(1)
		defer working.Add(-1)
		if count > inFlight && !fault("no-shedding") {
			w.Header().Set("Retry-After", "1")
			refuse(503)
		}
	}
	found.handle(w, r, body)
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
