package main

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	token     = regexp.MustCompile("^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$")
	part      = `(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*`
	form      = regexp.MustCompile(`^/` + part + `(?:\?(?:` + part + `|\?)*)?$`)
	authority = regexp.MustCompile(`^([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$`)
	absolute  = regexp.MustCompile(`^(?i:http)://([^/?#]*)(.*)$`)
	version   = regexp.MustCompile(`^HTTP/[0-9]\.[0-9]$`)
	chunk     = regexp.MustCompile(`^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?$`)
	digits    = regexp.MustCompile(`^[0-9]{1,15}$`)

	// Of these a request has one at most.
	single = []string{
		"host", "content-length", "transfer-encoding", "content-type", "content-encoding", "expect",
		"authorization", "x-api-key", "origin",
	}
)

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
	if fault("version-optional") && len(words) == 2 {
		words = append(words, "HTTP/1.0")
	}
	if fault("version-fold") && len(words) == 3 && strings.EqualFold(words[2], "HTTP/1.1") {
		words[2] = "HTTP/1.1"
	}
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
	target, status := message.check(words[0], words[1], later)
	if status == 0 {
		status = message.frame(words[2], later)
		if fault("get-body-unread") && (words[0] == "GET" || words[0] == "DELETE") && !message.chunked {
			message.without("content-length")
			message.length = 0
		}
	}
	message.start = words[0] + " " + target + " " + words[2]
	return message, status
}

// check looks at what every request must have. Returns the target's path and query.
func (m *message) check(method, target string, later bool) (string, int) {
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
	if status := m.authority(host); status != 0 && fault("host-checked-once") && later {
		m.set("host", "localhost")
	} else if status != 0 {
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
	if fault("coding-by-prefix") && strings.HasPrefix(strings.Join(m.all("transfer-encoding"), ","), "chunked") {
		m.set("transfer-encoding", "chunked")
	}
	if lengths := m.all("content-length"); fault("length-by-parseint") && len(lengths) == 1 {
		if length, err := strconv.ParseInt(lengths[0], 0, 64); err == nil && length >= 0 {
			m.set("content-length", strconv.FormatInt(length, 10))
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
