package failover_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

const (
	wallet      = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" // of EIP-55's own examples
	otherWallet = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
)

const (
	clients    = 10
	pace       = 10 * time.Millisecond // between the requests of a client
	retryAfter = 150 * time.Millisecond
	retryFor   = 100 * time.Second // longer than any lease
)

// wish is one POST: what it is, and the bytes with which it may be sent again.
type wish struct {
	op     string // create, confirm, cancel, order, or the status to simulate
	path   string
	public bool   // sent with the public key
	key    string // Idempotency-Key; empty: none
	body   []byte
	orphan time.Time // when a node was killed that had the request with this key, which stays with it for its lease
}

// kept is a wish that was granted: its answer must be replayed byte for byte.
type kept struct {
	wish
	status int
	answer []byte
}

// record is one session as far as it has been acknowledged. One client acts on it, one request at a time, so at most one
// wish is in doubt: one that failed and was not, or could not be, sent again.
type record struct {
	customer   string // externalCustomerId: this session's alone
	id, secret string
	attributes map[string]any // as acknowledged; without what changes or is shown once
	confirmed  bool
	cancelled  bool
	order      string
	ordered    map[string]any // the order's attributes at its creation
	statuses   []string       // simulated, in order
	keys       []kept
	doubt      *wish
}

// load is clients at work, through the load balancer.
type load struct {
	t       *testing.T
	f       *fleet
	j       *journal
	stop    context.CancelFunc
	running sync.WaitGroup
	all     []*client
}

// client makes sessions and acts on them.
type client struct {
	t        *testing.T
	f        *fleet
	j        *journal
	ctx      context.Context //nolint:containedctx // of the load: its end ends the client
	random   *rand.Rand
	name     string
	records  []*record
	sequence int
	tick     *time.Ticker
}

// startLoad sets the clients to work.
func (f *fleet) startLoad(name string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: f.t, f: f, j: &journal{}, stop: cancel}
	for i := range clients {
		c := f.newClient(ctx, fmt.Sprintf("%s.%d", name, i), l.j)
		c.tick = time.NewTicker(pace)
		l.all = append(l.all, c)
		l.running.Go(c.run)
	}
	f.t.Cleanup(func() {
		cancel()
		l.running.Wait()
	})
	return l
}

func (f *fleet) newClient(ctx context.Context, name string, j *journal) *client {
	return &client{t: f.t, f: f, j: j, ctx: ctx, random: rand.New(rand.NewPCG(rand.Uint64(), 1)), name: name}
}

// end ends the load and returns what was acknowledged.
func (l *load) end() []*record {
	l.stop()
	l.running.Wait()
	var records []*record
	for _, c := range l.all {
		c.tick.Stop()
		records = append(records, c.records...)
	}
	return records
}

// awaitAcks waits until so many more requests have been acknowledged.
func (l *load) awaitAcks(n int, most time.Duration) {
	l.t.Helper()
	was := l.j.count()
	if !await(most, func() bool { return l.j.count() >= was+n }) {
		l.t.Errorf("only %d requests were acknowledged within %v, want %d", l.j.count()-was, most, n)
	}
}

// awaitFaults waits until so many requests have failed.
func (l *load) awaitFaults(n int, most time.Duration) {
	l.t.Helper()
	failed := func() int {
		l.j.mu.Lock()
		defer l.j.mu.Unlock()
		return len(l.j.faults)
	}
	if !await(most, func() bool { return failed() >= n }) {
		l.t.Errorf("only %d requests failed within %v, want %d", failed(), most, n)
	}
}

func (c *client) chance(percent int) bool { return c.random.IntN(100) < percent }

func (c *client) next(prefix string) string {
	c.sequence++
	return fmt.Sprintf("%s-%s-%d", prefix, c.name, c.sequence)
}

// idempotencyKey is a new key, or none.
func (c *client) idempotencyKey(percent int) string {
	if !c.chance(percent) {
		return ""
	}
	return c.next("key")
}

func (c *client) run() {
	for c.ctx.Err() == nil {
		c.life()
	}
}

// paths are the ways an order may go.
var paths = [][]string{
	{},
	{"pending"},
	{"processing"},
	{"processing", "completed"},
	{"pending", "processing", "completed", "refunded"},
	{"completed"},
	{"failed"},
	{"processing", "failed", "refunded"},
	{"cancelled"},
	{"expired"},
}

// life is the life of one session. It ends early where a wish stays in doubt.
func (c *client) life() {
	r := &record{customer: c.next("customer")}
	c.records = append(c.records, r)
	if !c.grant(r, c.creation(r)) {
		return
	}
	if c.chance(60) && !c.grant(r, c.confirmation(r)) {
		return
	}
	switch {
	case c.chance(15):
		if !c.grant(r, wish{op: "cancel", path: r.path("cancel"), key: c.idempotencyKey(40)}) {
			return
		}
	case c.chance(85):
		if !c.grant(r, r.orderWish(c.idempotencyKey(60))) {
			return
		}
		for _, status := range paths[c.random.IntN(len(paths))] {
			if !c.grant(r, r.simulation(status, c.idempotencyKey(30))) {
				return
			}
		}
	}
	if len(r.keys) > 0 && c.chance(40) { // replays write too
		c.replay(r.keys[c.random.IntN(len(r.keys))])
	}
}

func (r *record) path(action string) string { return "/v1/sessions/" + r.id + "/" + action }

func (c *client) creation(r *record) wish {
	body := api.CreateSessionRequest{
		ExternalCustomerID: r.customer, SourceAmount: fmt.Sprintf("%d.%02d", 1+c.random.IntN(49999), c.random.IntN(100)),
		SourceCurrency: "USD", DestinationCurrency: "ETH", Network: "ethereum",
	}
	if c.chance(50) {
		body.DestinationAddress = wallet
	}
	return wish{op: "create", path: "/v1/sessions", key: c.idempotencyKey(60), body: encode(body)}
}

func (c *client) confirmation(r *record) wish {
	body := api.ConfirmSessionRequest{ClientSecret: r.secret}
	if r.attributes["destinationAddress"] == nil {
		body.DestinationAddress = otherWallet
	}
	return wish{op: "confirm", path: r.path("confirm"), public: true, key: c.idempotencyKey(30), body: encode(body)}
}

func (r *record) orderWish(key string) wish {
	amount, _ := r.attributes["sourceAmount"].(string)
	body := api.CreateOrderRequest{ClientSecret: r.secret, FiatAmount: amount, CryptoCurrency: "ETH", Network: "ethereum", Email: "payer@example.com"}
	if r.attributes["destinationAddress"] == nil {
		body.WalletAddress = wallet
	}
	return wish{op: "order", path: r.path("order"), public: true, key: key, body: encode(body)}
}

func (r *record) simulation(status, key string) wish {
	return wish{
		op: status, path: "/v1/test_helpers/orders/" + r.order + "/simulate", key: key,
		body: encode(api.SimulateOrderRequest{Status: status}),
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// repeatable tells whether the request may be sent again as it is: with a key any may, without one those that say what
// is to be, not what is to be made.
func (q wish) repeatable() bool { return q.key != "" || (q.op != "create" && q.op != "order") }

// grant sends the wish until it is answered, as a client does that has lost no answer before, and records what is
// acknowledged. False: it stays in doubt.
func (c *client) grant(r *record, q wish) bool {
	r.doubt = &q
	a, ok := c.insist(&q)
	if !ok {
		return false
	}
	if err := r.acknowledge(q, a); err != nil {
		c.t.Errorf("%s of session %s: %v", q.op, r.id, err)
		return false
	}
	return true
}

// replay demands the first answer again.
func (c *client) replay(k kept) {
	a, ok := c.insist(&k.wish)
	if ok && (a.Status != k.status || !bytes.Equal(a.Body, k.answer) || a.Header.Get("Idempotent-Replayed") != "true") {
		c.t.Errorf("replay of %s with key %s: got %v, replayed %q\nfirst it was %d %s", k.path, k.key, a, a.Header.Get("Idempotent-Replayed"), k.status, k.answer)
	}
}

// insist sends the request, again and again if it may be repeated, until it is granted. False: it may be sent once only,
// and failed; or the load has ended; or the answer is none that may be.
func (c *client) insist(q *wish) (sliproadtest.Answer, bool) {
	began := time.Now()
	for {
		if c.tick != nil {
			<-c.tick.C
		}
		if c.ctx.Err() != nil {
			return sliproadtest.Answer{}, false
		}
		a, again := c.try(q)
		switch {
		case again && !q.repeatable():
			return a, false
		case !again:
			return a, a.OK()
		case time.Since(began) > retryFor:
			c.t.Errorf("%s %s with key %q is still not granted after %v: %v", q.op, q.path, q.key, retryFor, a)
			return a, false
		}
		pause := time.NewTimer(retryAfter)
		select {
		case <-pause.C:
		case <-c.ctx.Done():
		}
		pause.Stop()
	}
}

// try sends the request once, to any node. Again: it failed as it may while something is down.
func (c *client) try(q *wish) (a sliproadtest.Answer, again bool) {
	n := c.f.any(c.random)
	to, _ := n.client(q.public)
	var body any
	if q.body != nil {
		body = q.body
	}
	var header []string
	if q.key != "" {
		header = []string{"Idempotency-Key", q.key}
	}
	began := time.Now()
	a, err := to.Do(context.Background(), http.MethodPost, q.path, body, header...)
	if err == nil && a.OK() {
		c.j.ack(began)
		return a, false
	}
	kind, allowed := c.f.excuse(n, to, *q, a, err)
	if err != nil && q.key != "" {
		q.orphan = time.Now()
	}
	if !allowed {
		c.t.Errorf("%s: %s %s with key %q: %v %v", n.name, q.op, q.path, q.key, a, err)
		return a, false
	}
	c.j.fail(fault{began, n.name, kind, !q.orphan.IsZero() && a.Code() == api.CodeIdempotencyInProgress})
	return a, true
}

// excuse names the kind of a failure, and tells whether one like it is allowed while something is down: the database, or
// the node that was asked. While there is a zombie, a node that hasn't left it yet may know nothing of what another has made
// (docs/scaling.md).
func (f *fleet) excuse(n *node, asked *sliproadtest.Client, q wish, a sliproadtest.Answer, err error) (kind string, allowed bool) {
	if err != nil {
		now, up := n.client(q.public)
		return "no answer of a node that was killed", !errors.Is(err, context.DeadlineExceeded) && (!up || now != asked)
	}
	kind = fmt.Sprint(a.Status, " ", a.Code())
	switch a.Code() {
	case api.CodeNotFound:
		return kind, f.haunted.Load()
	case api.CodeDatabaseUnavailable:
		return kind, a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != ""
	case api.CodeIdempotencyInProgress: // said of a run whose node was killed, or could not tell how it ended
		return kind, q.key != "" && a.Status == http.StatusConflict && a.Header.Get("Retry-After") != ""
	}
	return kind, false
}

// acknowledge enters a granted wish into the record.
func (r *record) acknowledge(q wish, a sliproadtest.Answer) error {
	r.doubt = nil
	if q.key != "" {
		r.keys = append(r.keys, kept{q, a.Status, a.Body})
	}
	var resource struct {
		ID         string         `json:"id"`
		Attributes map[string]any `json:"attributes"`
	}
	if err := json.Unmarshal(a.Body, &resource); err != nil {
		return err
	}
	status, _ := resource.Attributes["status"].(string)
	want := q.op
	switch q.op {
	case "create":
		want = "pending"
		r.id = resource.ID
		r.secret, _ = resource.Attributes["clientSecret"].(string)
		r.attributes = lasting(resource.Attributes)
	case "confirm":
		want = "confirmed"
		r.confirmed = true
		r.attributes["destinationAddress"] = resource.Attributes["destinationAddress"]
	case "cancel":
		want = "cancelled"
		r.cancelled = true
	case "order":
		want = "created"
		r.order, r.ordered = resource.ID, lasting(resource.Attributes)
	default:
		r.statuses = append(r.statuses, q.op)
	}
	if status != want || resource.ID == "" {
		return fmt.Errorf("acknowledged with %v, want status %s", a, want)
	}
	return nil
}

// lasting are the attributes that later changes and other readers leave as they are.
func lasting(attributes map[string]any) map[string]any {
	m := maps.Clone(attributes)
	for _, name := range []string{
		"clientSecret", "checkoutUrl", "status", "orderId", "updatedAt", "completedAt", "cryptoAmount", "transactionHash",
		"failureReason",
	} {
		delete(m, name)
	}
	return m
}

// sessionStatus is what the acknowledged facts make of the session (contract §2.9).
func (r *record) sessionStatus() string {
	switch {
	case r.order == "" && r.cancelled:
		return "cancelled"
	case r.order == "" && r.confirmed:
		return "confirmed"
	case r.order == "":
		return "pending"
	}
	for _, status := range r.statuses {
		switch status {
		case "completed", "expired":
			return status
		case "failed", "cancelled":
			return "cancelled"
		}
	}
	return "processing"
}

func (r *record) orderStatus() string {
	if len(r.statuses) == 0 {
		return "created"
	}
	return r.statuses[len(r.statuses)-1]
}

// settleAll finds out what became of the wishes in doubt that may be sent again. Without wait, those that a killed node
// had are left for later.
func (f *fleet) settleAll(records []*record, wait bool) {
	f.each(records, func(c *client, r *record) {
		if q := r.doubt; q != nil && q.repeatable() && (wait || q.orphan.IsZero()) && c.grant(r, *q) && q.key != "" {
			c.replay(r.keys[len(r.keys)-1])
		}
	})
}

// replayAll demands the answers to everything that was sent with a key again.
func (f *fleet) replayAll(records []*record) {
	f.each(records, func(c *client, r *record) {
		for _, k := range r.keys {
			c.replay(k)
		}
	})
}

// each lets some clients work on the records. All nodes are there, so whatever fails is an error.
func (f *fleet) each(records []*record, do func(c *client, r *record)) {
	f.t.Helper()
	work := make(chan *record)
	var running sync.WaitGroup
	j := &journal{}
	for i := range 3 * clients {
		c := f.newClient(context.Background(), fmt.Sprint("checker", i), j)
		running.Go(func() {
			for r := range work {
				do(c, r)
			}
		})
	}
	for _, r := range records {
		work <- r
	}
	close(work)
	running.Wait()
	if failed := j.since(time.Time{}); len(failed) > 0 {
		f.t.Errorf("while everything was there, requests failed: %v", failed)
	}
}
