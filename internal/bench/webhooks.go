package main

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// receiver is a partner's endpoint: it takes everything, and notes how long after its event each delivery came.
type receiver struct {
	server *http.Server
	url    string
	mu     sync.Mutex
	delays []time.Duration
}

func startReceiver() (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + l.Addr().String() + "/hook"}
	r.server = &http.Server{Handler: http.HandlerFunc(r.take)}
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

func (r *receiver) take(_ http.ResponseWriter, req *http.Request) {
	now := time.Now()
	_, _ = io.Copy(io.Discard, req.Body)
	if at, ok := eventTime(req.Header.Get("Webhook-Id")); ok {
		r.mu.Lock()
		r.delays = append(r.delays, now.Sub(at))
		r.mu.Unlock()
	}
}

// crockford is the alphabet of ids, whose first 56 bits are microseconds.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func eventTime(id string) (time.Time, bool) {
	raw, err := crockford.DecodeString(strings.TrimPrefix(id, "evt_"))
	if err != nil || len(raw) < 7 {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(append([]byte{0}, raw[:7]...)))), true
}

// reset forgets what came and returns it.
func (r *receiver) reset() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	delays := r.delays
	r.delays = nil
	slices.Sort(delays)
	return delays
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.delays)
}

// await waits until so many deliveries have come.
func (r *receiver) await(ctx context.Context, n int) error {
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for r.count() < n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("%d of %d events were delivered within a minute", r.count(), n)
		case <-tick.C:
		}
	}
	return nil
}

// webhooks measures the delivery of events, and what a subscribed endpoint costs an order.
func (b *bench) webhooks(ctx context.Context, out io.Writer) (err error) {
	binary, err := build(ctx, b.dir)
	if err != nil {
		return err
	}
	p, err := b.serve(ctx, binary, "webhooks.db", "SLIPROAD_ALLOW_PRIVATE_WEBHOOKS=yes")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	r, err := startReceiver()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.server.Close()) }()

	id, err := subscribe(ctx, p, r.url, "session.created")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n| webhooks | events/s | delivered/s | delay p50 ms | p99 ms |\n|---|---:|---:|---:|---:|\n")
	if err := b.quiet(ctx, p, r, out); err != nil {
		return err
	}
	if err := b.saturated(ctx, p, r, out); err != nil {
		return err
	}
	if err := call(ctx, p, http.MethodDelete, "/v1/webhooks/"+id, "", nil); err != nil {
		return err
	}
	return b.orderCost(ctx, p, r, out)
}

func delayLine(out io.Writer, what string, emitted, delivered float64, delays []time.Duration) {
	ms := func(q int) float64 { return float64(delays[(len(delays)-1)*q/100].Microseconds()) / 1000 }
	fmt.Fprintf(out, "| %s | %.0f | %.0f | %.2f | %.2f |\n", what, emitted, delivered, ms(50), ms(99))
}

// quiet sends 50 events a second.
func (b *bench) quiet(ctx context.Context, p *process, r *receiver, out io.Writer) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	n := int(b.window().measure / (20 * time.Millisecond))
	next := b.creates(p.project.SecretKey, newCustomers)(0)
	c := &client{buf: make([]byte, maxAnswer)}
	var err error
	if c.conn, err = net.Dial("tcp", p.addr); err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }()
	began := time.Now()
	for range n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if status, _, err := c.do(next()); err != nil || status != http.StatusCreated {
			return fmt.Errorf("status %d: %w", status, err)
		}
	}
	if err := r.await(ctx, n); err != nil {
		return err
	}
	rate := float64(n) / time.Since(began).Seconds()
	delayLine(out, "50 events a second", rate, rate, r.reset())
	return nil
}

// saturated creates sessions as fast as 64 connections can, and waits for the last event to be delivered.
func (b *bench) saturated(ctx context.Context, p *process, r *receiver, out io.Writer) error {
	began := time.Now()
	all, err := b.createMany(ctx, p, window{measure: b.window().measure})
	if err != nil {
		return err
	}
	emitted := float64(len(all)) / time.Since(began).Seconds()
	if err := r.await(ctx, len(all)); err != nil {
		return err
	}
	delivered := float64(len(all)) / time.Since(began).Seconds()
	delayLine(out, "as many as 64 connections create", emitted, delivered, r.reset())
	return nil
}

// orderCost compares orders with and without a subscribed endpoint, in turns.
func (b *bench) orderCost(ctx context.Context, p *process, r *receiver, out io.Writer) error {
	var ratios, plain, told []float64
	for range b.rounds {
		without, err := b.orderRate(ctx, p)
		if err != nil {
			return err
		}
		id, err := subscribe(ctx, p, r.url, "*")
		if err != nil {
			return err
		}
		with, err := b.orderRate(ctx, p)
		if err != nil {
			return err
		}
		if err := call(ctx, p, http.MethodDelete, "/v1/webhooks/"+id, "", nil); err != nil {
			return err
		}
		r.reset()
		ratios, plain, told = append(ratios, with/without), append(plain, without), append(told, with)
	}
	fmt.Fprintf(out, "\norders at 64 connections: %.0f/s without an endpoint, %.0f/s with one: × %.2f (aim: at least 0.90)\n", median(plain), median(told), median(ratios))
	return nil
}

func (b *bench) orderRate(ctx context.Context, p *process) (float64, error) {
	l, err := b.loadOrder(ctx, p, 64, "")
	if err != nil {
		return 0, err
	}
	result, err := l.run(ctx, b.window())
	return result.rate, err
}

func subscribe(ctx context.Context, p *process, url, event string) (id string, err error) {
	var answer bytes.Buffer
	err = call(ctx, p, http.MethodPost, "/v1/webhooks", `{"url":"`+url+`","events":["`+event+`"]}`, &answer)
	return string(member(answer.Bytes(), `"id":"`)), err
}

func call(ctx context.Context, p *process, method, path, body string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.project.SecretKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	if to != nil {
		_, err = io.Copy(to, res.Body)
	}
	return err
}
