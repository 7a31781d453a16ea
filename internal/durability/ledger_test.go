package durability_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

const (
	wallet      = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" // of EIP-55's own examples
	otherWallet = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
)

// wish is one POST: what it is, and the bytes with which it may be sent again.
type wish struct {
	op     string // create, confirm, cancel, order, or the status to simulate
	path   string
	public bool   // sent with the public key
	key    string // Idempotency-Key; empty: none
	body   []byte
}

// kept is a wish that was granted: its answer must be replayed byte for byte.
type kept struct {
	wish
	status int
	answer []byte
}

// record is one session as far as the server has acknowledged it. One writer acts on it, one request at a time, so at most
// one wish is in doubt: the one under way when the server was killed.
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

// writer makes sessions and acts on them until the server goes.
type writer struct {
	t        *testing.T
	random   *rand.Rand
	name     string
	secret   *sliproadtest.Client
	public   *sliproadtest.Client
	acted    func() // told of every acknowledgement
	records  []*record
	sequence int
}

func newWriter(t *testing.T, s *sliproadtest.Server, name string, seed uint64, acted func()) *writer {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	return &writer{t: t, random: random, name: name, secret: s.Secret(), public: s.Public(), acted: acted}
}

func (w *writer) chance(percent int) bool { return w.random.IntN(100) < percent }

func (w *writer) next(prefix string) string {
	w.sequence++
	return fmt.Sprintf("%s-%s-%d", prefix, w.name, w.sequence)
}

// idempotencyKey is a new key, or none.
func (w *writer) idempotencyKey(percent int) string {
	if !w.chance(percent) {
		return ""
	}
	return w.next("key")
}

// run lives the lives of sessions until a request gets no answer, or a wrong one.
func (w *writer) run() {
	for w.life() {
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

// life is the life of one session; false ends the writer.
func (w *writer) life() bool {
	r := &record{customer: w.next("customer")}
	w.records = append(w.records, r)
	if !w.grant(r, w.creation(r)) {
		return false
	}
	if w.chance(60) && !w.grant(r, w.confirmation(r)) {
		return false
	}
	switch {
	case w.chance(15):
		return w.grant(r, wish{op: "cancel", path: r.path("cancel"), key: w.idempotencyKey(40)})
	case w.chance(85):
		if !w.grant(r, w.orderOf(r)) {
			return false
		}
		for _, status := range paths[w.random.IntN(len(paths))] {
			if !w.grant(r, r.simulation(status, w.idempotencyKey(30))) {
				return false
			}
		}
	}
	if len(r.keys) > 0 && w.chance(30) { // replays write too
		return w.replay(r.keys[w.random.IntN(len(r.keys))])
	}
	return true
}

func (r *record) path(action string) string { return "/v1/sessions/" + r.id + "/" + action }

func (w *writer) creation(r *record) wish {
	body := api.CreateSessionRequest{
		ExternalCustomerID: r.customer, SourceAmount: fmt.Sprintf("%d.%02d", 1+w.random.IntN(49999), w.random.IntN(100)),
		SourceCurrency: "USD", DestinationCurrency: "ETH", Network: "ethereum",
		Metadata: json.RawMessage(fmt.Sprintf(`{"cart":%d,"note":"naïve ✓"}`, w.random.Uint64())),
	}
	if w.chance(50) {
		body.DestinationAddress = wallet
	}
	return wish{op: "create", path: "/v1/sessions", key: w.idempotencyKey(50), body: encode(body)}
}

func (w *writer) confirmation(r *record) wish {
	body := api.ConfirmSessionRequest{ClientSecret: r.secret}
	if r.attributes["destinationAddress"] == nil {
		body.DestinationAddress = otherWallet
	}
	return wish{op: "confirm", path: r.path("confirm"), public: true, key: w.idempotencyKey(30), body: encode(body)}
}

func (w *writer) orderOf(r *record) wish {
	return r.orderWish(w.idempotencyKey(50))
}

func (r *record) orderWish(key string) wish {
	amount, _ := r.attributes["sourceAmount"].(string)
	body := api.CreateOrderRequest{
		ClientSecret: r.secret, FiatAmount: amount, CryptoCurrency: "ETH", Network: "ethereum", Email: "payer@example.com",
	}
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

// send makes the request; without an answer the error is the connection's.
func (w *writer) send(q wish) (sliproadtest.Answer, error) {
	client := w.secret
	if q.public {
		client = w.public
	}
	var body any
	if q.body != nil {
		body = q.body
	}
	var header []string
	if q.key != "" {
		header = []string{"Idempotency-Key", q.key}
	}
	var a sliproadtest.Answer
	var err error
	await(func() bool {
		a, err = client.Do(context.Background(), http.MethodPost, q.path, body, header...)
		// Else another node had begun it, and died.
		return !sliproadtest.OnPostgres() || a.Code() != api.CodeIdempotencyInProgress
	})
	return a, err
}

// grant sends the wish and records what is acknowledged. False: it was not.
func (w *writer) grant(r *record, q wish) bool {
	r.doubt = &q
	a, err := w.send(q)
	if err != nil {
		return false // the server is gone
	}
	if !a.OK() {
		w.t.Errorf("%s of session %s: %v", q.op, r.id, a)
		return false
	}
	if err := r.acknowledge(q, a); err != nil {
		w.t.Errorf("%s of session %s: %v", q.op, r.id, err)
		return false
	}
	w.acted()
	return true
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

// replay demands the first answer again.
func (w *writer) replay(k kept) bool {
	a, err := w.send(k.wish)
	if err != nil {
		return false
	}
	if a.Status != k.status || !bytes.Equal(a.Body, k.answer) || a.Header.Get("Idempotent-Replayed") != "true" {
		w.t.Errorf("replay of %s with key %s: got %v\nfirst it was %d %s", k.path, k.key, a, k.status, k.answer)
	}
	return true
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

// settle finds out, after a restart, what became of the wish in doubt, and enters it. It returns false for a session of
// which nobody was ever told.
func (w *writer) settle(r *record) bool {
	q := r.doubt
	if q == nil {
		return true
	}
	if q.key != "" { // the client's way: the same again
		if !w.grant(r, *q) {
			return r.id != ""
		}
		return w.replay(r.keys[len(r.keys)-1])
	}
	r.doubt = nil
	switch q.op {
	case "create":
		list := decodeAnswer[api.List[api.Session]](w, "/v1/sessions?externalCustomerId="+r.customer)
		if list != nil && (len(list.Data) > 1 || list.Pagination.Total != int64(len(list.Data))) {
			w.t.Errorf("creation in doubt of %s: %d sessions, total %d", r.customer, len(list.Data), list.Pagination.Total)
		}
		return false
	case "confirm", "cancel", "order":
		w.settleSession(r, *q)
	default:
		if o := decodeAnswer[api.Order](w, "/v1/orders/"+r.order); o != nil && o.Attributes.Status == q.op {
			r.statuses = append(r.statuses, q.op)
		}
	}
	return true
}

// settleSession takes over what is visible of the wish; an order that is not there after recovery can still be made.
func (w *writer) settleSession(r *record, q wish) {
	s := w.awaitRecovered(r)
	if s == nil {
		return
	}
	switch {
	case q.op == "order" && s.Attributes.OrderID != nil:
		r.order = *s.Attributes.OrderID
	case q.op == "order":
		w.grant(r, r.orderWish(""))
	case q.op == "confirm" && s.Attributes.Status == "confirmed":
		r.confirmed = true
		if r.attributes["destinationAddress"] == nil {
			r.attributes["destinationAddress"] = otherWallet
		}
	case q.op == "cancel" && s.Attributes.Status == "cancelled":
		r.cancelled = true
	}
}

// awaitRecovered reads the session until no order of it is half made.
func (w *writer) awaitRecovered(r *record) *api.Session {
	for deadline := time.Now().Add(awaitMost()); ; <-time.After(20 * time.Millisecond) {
		s := decodeAnswer[api.Session](w, "/v1/sessions/"+r.id)
		if s == nil || s.Attributes.Status != "processing" || s.Attributes.OrderID != nil {
			return s
		}
		if time.Now().After(deadline) {
			w.t.Errorf("session %s is processing without an order, %v after the restart", r.id, awaitMost())
			return nil
		}
	}
}

// decodeAnswer reads a resource with the secret key; nil, and the test has failed, where that is not answered 2xx.
func decodeAnswer[T any](w *writer, path string) *T {
	a := w.secret.Get(w.t, path)
	v := new(T)
	if err := json.Unmarshal(a.Body, v); err != nil || !a.OK() {
		w.t.Errorf("GET %s: %v %v", path, a, err)
		return nil
	}
	return v
}

// verify holds the server to the record.
func (w *writer) verify(r *record) {
	got := decodeAnswer[api.Resource[map[string]any]](w, "/v1/sessions/"+r.id)
	if got == nil {
		return
	}
	want := maps.Clone(r.attributes)
	want["status"], want["orderId"] = r.sessionStatus(), any(nil)
	if r.order != "" {
		want["orderId"] = r.order
	}
	if diff := cmp.Diff(want, got.Attributes); diff != "" {
		w.t.Errorf("session %s: -acknowledged +now\n%s", r.id, diff)
	}
	if r.order != "" {
		w.verifyOrder(r)
	}
	for _, k := range r.keys {
		w.replay(k)
	}
	// The secret still opens the session: refused by its state at most.
	a := w.public.Post(w.t, r.path("confirm"), api.ConfirmSessionRequest{ClientSecret: r.secret + "x"})
	if a.Status != http.StatusForbidden {
		w.t.Errorf("session %s takes a wrong clientSecret: %v", r.id, a)
	}
	if r.sessionStatus() != "pending" {
		a = w.public.Post(w.t, r.path("confirm"), api.ConfirmSessionRequest{ClientSecret: r.secret})
		if a.Status == http.StatusForbidden {
			w.t.Errorf("session %s no longer takes its clientSecret", r.id)
		}
	}
}

func (w *writer) verifyOrder(r *record) {
	path := "/v1/orders/" + r.order
	got := decodeAnswer[api.Resource[map[string]any]](w, path)
	if got == nil {
		return
	}
	if status := got.Attributes["status"]; status != r.orderStatus() {
		w.t.Errorf("order %s of session %s is %v, want %s", r.order, r.id, status, strings.Join(append([]string{"created"}, r.statuses...), ", then "))
	}
	now := lasting(got.Attributes)
	for name, want := range r.ordered {
		if diff := cmp.Diff(want, now[name]); diff != "" {
			w.t.Errorf("order %s: %s: -acknowledged +now\n%s", r.order, name, diff)
		}
	}
}
