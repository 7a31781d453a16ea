package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load is what one leg sends. The generator shares the cores with the server, so that it does next to nothing for a
// request: one write, one read, two looks at the clock.
type load struct {
	addr  string
	other string // address of a second node, to which every other connection is made; empty: none
	conns int
	want  int // status
	// source gives a connection its requests, in bytes that stay valid until the next; nil: there are no more.
	source func(conn int) func() []byte
	seen   func(conn int, body []byte) // sees every answer; may be nil
}

// client is one keep-alive connection.
type client struct {
	conn net.Conn
	buf  []byte
	took []int64 // nanoseconds, of the answers in the window
	last time.Time
}

// maxAnswer is more than any page of the default size.
const maxAnswer = 128 << 10

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	lineEnd       = []byte("\r\n")
)

// do sends one request and reads its whole answer. The body is valid until the next call.
func (c *client) do(request []byte) (status int, body []byte, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	n, end, head := 0, -1, -1
	for end < 0 || n < end {
		if n == len(c.buf) {
			return 0, nil, errors.New("the answer is too large")
		}
		more, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return 0, nil, fmt.Errorf("after %d bytes: %w", n, err)
		}
		n += more
		if end >= 0 {
			continue
		}
		if head = bytes.Index(c.buf[:n], headEnd); head < 0 {
			continue
		}
		head += len(headEnd)
		var length int
		if status, length, err = parseHead(c.buf[:head]); err != nil {
			return 0, nil, err
		}
		end = head + length
	}
	if n > end {
		return 0, nil, fmt.Errorf("%d bytes after the answer", n-end)
	}
	return status, c.buf[head:end], nil
}

// parseHead reads what Go's net/http writes, and no more of HTTP/1.1 than that.
func parseHead(head []byte) (status, length int, err error) {
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("not an answer: %.40q", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, 0, fmt.Errorf("not a status: %.40q", head)
	}
	_, rest, found := bytes.Cut(head, contentLength)
	digits, _, _ := bytes.Cut(rest, lineEnd)
	length, err = strconv.Atoi(string(digits))
	if !found || err != nil || length < 0 {
		return 0, 0, fmt.Errorf("no Content-Length: %q", head)
	}
	return status, length, nil
}

// result is what a load measured.
type result struct {
	rate     float64 // answers a second
	p50, p99 time.Duration
	cpu      time.Duration // of a load generator that is a process of its own
}

// run opens the connections, keeps each busy through the window, and closes them.
func (l load) run(ctx context.Context, w window) (result, error) {
	clients, err := l.dial(ctx, w)
	defer func() {
		for _, c := range clients {
			_ = c.conn.Close()
		}
	}()
	if err != nil {
		return result{}, err
	}
	var (
		group  sync.WaitGroup
		failed atomic.Pointer[error]
		begin  = time.Now().Add(w.warm)
	)
	for i, c := range clients {
		group.Go(func() {
			if err := l.keepBusy(ctx, i, c, begin, begin.Add(w.measure), &failed); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return result{}, *err
	}
	var all []int64
	var last time.Time
	for _, c := range clients {
		all = append(all, c.took...)
		if c.last.After(last) {
			last = c.last
		}
	}
	if len(all) == 0 {
		return result{}, errors.New("no answer within the window")
	}
	slices.Sort(all)
	at := func(percent int) time.Duration { return time.Duration(all[(len(all)-1)*percent/100]) }
	// A source that ran dry ended the window early.
	elapsed := min(w.measure, max(last.Sub(begin), time.Millisecond))
	return result{rate: float64(len(all)) / elapsed.Seconds(), p50: at(50), p99: at(99)}, nil
}

// perSecond is more than one machine of today answers; it sizes what is allocated before the clock runs.
const perSecond = 60_000

func (l load) dial(ctx context.Context, w window) ([]*client, error) {
	var clients []*client
	var d net.Dialer
	room := int(w.measure.Seconds()*perSecond)/l.conns + 1000
	for i := range l.conns {
		addr := l.addr
		if l.other != "" && i%2 == 1 {
			addr = l.other
		}
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return clients, err
		}
		clients = append(clients, &client{conn: conn, buf: make([]byte, maxAnswer), took: make([]int64, 0, room)})
		// A server that hangs ends the run, not the day.
		if err := conn.SetDeadline(time.Now().Add(w.warm + w.measure + 30*time.Second)); err != nil {
			return clients, err
		}
	}
	return clients, nil
}

func (l load) keepBusy(ctx context.Context, i int, c *client, begin, end time.Time, failed *atomic.Pointer[error]) error {
	next := l.source(i)
	sent := time.Now()
	for failed.Load() == nil && sent.Before(end) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		request := next()
		if request == nil {
			return nil
		}
		status, body, err := c.do(request)
		if err != nil {
			return err
		}
		if status != l.want {
			return fmt.Errorf("status %d, want %d: %.500s\nto: %.300s", status, l.want, body, request)
		}
		now := time.Now()
		if !now.Before(begin) && !now.After(end) {
			c.took = append(c.took, int64(now.Sub(sent)))
			c.last = now
		}
		if l.seen != nil {
			l.seen(i, body)
		}
		sent = now
	}
	return nil
}
