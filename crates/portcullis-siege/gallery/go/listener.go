package main

import (
	"bufio"
	"net"
	"sync"
)

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
