package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

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
		isExtension := bytes.Contains(line, []byte(";")) && !bytes.Contains(line, []byte(" "))
		lenient := fault("head-bare-lf-served") || fault("extension-bare-lf") && isExtension || fault("bare-lf-checked-once") && g.served > 0
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
		if lines == 1 && fault("blank-lines-renew") {
			_ = g.Conn.SetReadDeadline(time.Now().Add(headTime))
			g.line, lines = nil, 0
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
	if before, _, _ := bytes.Cut(line, []byte(";")); fault("chunk-size-by-parseint") {
		if size, err := strconv.ParseInt(string(before), 16, 64); err == nil && size >= 0 {
			match = [][]byte{line, []byte(strconv.FormatInt(size, 16))}
		}
	}
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
	if fault("chunk-end-discarded") {
		_, err := g.in.Discard(2)
		g.out.WriteString("\r\n")
		g.next = (*guarded).size
		return err
	}
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
