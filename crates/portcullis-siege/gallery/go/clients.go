package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

var (
	keys = []struct {
		digest [32]byte
		status int
	}{
		{sha256.Sum256([]byte(valid)), 200},
		{sha256.Sum256([]byte(other)), 200},
		{sha256.Sum256([]byte(revoked)), 401},
		{sha256.Sum256([]byte("gos_expired_4f9c2b7d1e8a6053")), 401},
		{sha256.Sum256([]byte("gos_unscoped_4f9c2b7d1e8a6053")), 403},
	}
)

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
	if fault("limiter-fixed-window") {
		return l.takeOfWindow(client, now)
	}
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

// takeOfWindow: so many in each window of the clock.
func (l *limiter) takeOfWindow(client string, now time.Time) (int, float64) {
	window := now.Truncate(burst / perSecond * time.Second)
	state := l.states[client]
	if state.at != window {
		state = bucket{burst, window}
	}
	wait := window.Add(burst / perSecond * time.Second).Sub(now).Seconds()
	if state.left < 1 {
		return -1, wait
	}
	state.left--
	l.states[client] = state
	return int(state.left), wait
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
	if fault("key-unescaped") {
		if plain, err := url.QueryUnescape(key); err == nil {
			key = plain
		}
	}
	if fault("key-trimmed") {
		key = strings.Trim(key, "\"'<>,; ")
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
		if _, _, failed := net.SplitHostPort(strings.TrimSpace(entries[i])); failed == nil && fault("forwarded-with-port") {
			return strings.TrimSpace(entries[i])
		}
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
