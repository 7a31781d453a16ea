package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/httpapi"
	"github.com/sliproad/sliproad/internal/money"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestEndpointsMatchDocument: the table of endpoints and the document tell of the same operations, and of the same keys.
func TestEndpointsMatchDocument(t *testing.T) {
	t.Parallel()
	schemes := map[string]string{
		"none": "", "session": "clientSecret", "public": "apiKeyHeader publicKey secretKey", "secret": "apiKeyHeader secretKey", "test": "apiKeyHeader secretKey",
	}
	var inDocument, inCode []string
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			names := []string{}
			for _, requirement := range *op.Security {
				names = slices.AppendSeq(names, maps.Keys(requirement))
			}
			slices.Sort(names)
			inDocument = append(inDocument, fmt.Sprintf("%s %s %s [%s]", op.OperationID, method, path, strings.Join(names, " ")))
		}
	}
	for _, e := range httpapi.Endpoints() {
		inCode = append(inCode, fmt.Sprintf("%s %s %s [%s]", e.Operation, e.Method, e.Path, schemes[e.Auth]))
		if needsTest := strings.Contains(e.Path, "/test_helpers/"); needsTest != (e.Auth == "test") {
			t.Errorf("%s: key %q", e.Operation, e.Auth)
		}
	}
	slices.Sort(inDocument)
	slices.Sort(inCode)
	if diff := cmp.Diff(inDocument, inCode); diff != "" {
		t.Errorf("the document (-) and the endpoints (+):\n%s", diff)
	}
}

// TestCodesMatchDocument: one list of error codes, in the domain, the document, the client and the table of statuses; and
// each code stands in the document only beside its status.
func TestCodesMatchDocument(t *testing.T) {
	t.Parallel()
	doc := document(t)
	var inDocument, inDomain []string
	for _, code := range doc.Components.Schemas["ErrorCode"].Value.Enum {
		inDocument = append(inDocument, fmt.Sprint(code))
	}
	for _, info := range checkout.Codes {
		inDomain = append(inDomain, string(info.Code))
		if _, ok := httpapi.CodeStatus[info.Code]; !ok {
			t.Errorf("%s has no status", info.Code)
		}
		if info.Meaning == "" || info.Remedy == "" {
			t.Errorf("%s has no meaning or no remedy", info.Code)
		}
	}
	if diff := cmp.Diff(inDomain, inDocument) + cmp.Diff(inDomain, api.ErrorCodes()); diff != "" {
		t.Errorf("the domain (-), and the document or the client (+):\n%s", diff)
	}
	if len(httpapi.CodeStatus) != len(inDomain) {
		t.Errorf("%d codes have a status, of %d", len(httpapi.CodeStatus), len(inDomain))
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				for _, code := range enumOf(response.Value) {
					if want := strconv.Itoa(httpapi.CodeStatus[checkout.Code(code)].Status); status != want {
						t.Errorf("%s %s: %s beside %s, but its status is %s", method, path, code, status, want)
					}
				}
			}
		}
	}
}

// enumOf lists the codes that an error response may carry.
func enumOf(r *openapi3.Response) (codes []string) {
	for _, content := range r.Content {
		for _, part := range content.Schema.Value.AllOf {
			if e := part.Value.Properties["error"]; e != nil && part.Ref == "" {
				for _, code := range e.Value.Properties["code"].Value.Enum {
					codes = append(codes, fmt.Sprint(code))
				}
			}
		}
	}
	return codes
}

// The ids of the document's examples, which a replay puts the real ones in place of.
const (
	exampleSession = "sess_5f0kQ2v7cXr1yB8mZt3wLa"
	exampleOrder   = "ord_8Jx2mQ4rT6vY0bN3cK5pZs"
	exampleSecret  = "sess_secret_u4Zt9bLx1Qm7Rk3Vw8Yc2Nd6Hf5Js0Pg"
	exampleProject = "7b0f6c1e-3d1c-4f0e-9f57-2f9a1a4f6f10"
	exampleOther   = "user-1043"
)

// invented are the members of answers that nobody can foretell. The world's clock makes the times those of the examples.
var invented = map[string]bool{"customerId": true, "url": true, "externalOrderId": true, "transactionHash": true, "cryptoAmount": true, "nextCursor": true, "message": true, "requestId": true, "secret": true, "providerOrderId": true, "nextAttemptAt": true}

// replay is one world in which the examples come true.
type replay struct {
	*world
	doc   *openapi3.T
	known *strings.Replacer // from the examples' ids to the world's
	seen  map[string]bool   // the examples that were replayed
}

func newReplay(t *testing.T, doc *openapi3.T, seen map[string]bool, change ...func(*parts)) *replay {
	t.Helper()
	w := newWorld(t, change...)
	return &replay{world: w, doc: doc, seen: seen, known: strings.NewReplacer(exampleProject, string(w.project))}
}

func (r *replay) knows(a answer, order string) {
	secret := a.attr("clientSecret")
	r.known = strings.NewReplacer(exampleProject, string(r.project), exampleSession, a.attr("sessionId"), exampleSecret, secret, exampleOrder, order)
}

// example gives the example by its name, with the world's ids.
func (r *replay) example(t *testing.T, name string) string {
	t.Helper()
	ref := r.doc.Components.Examples[name]
	if ref == nil {
		t.Fatalf("there is no example %s", name)
	}
	r.seen[name] = true
	text, err := json.Marshal(ref.Value.Value)
	if err != nil {
		t.Fatal(err)
	}
	return r.known.Replace(string(text))
}

// same holds an answer to the example, but for what is invented.
func (r *replay) same(t *testing.T, name string, a answer) {
	t.Helper()
	var want, got any
	if err := json.Unmarshal([]byte(r.example(t, name)), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(a.raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(masked(want), masked(got)); diff != "" {
		t.Errorf("%s: the example (-) and the answer (+):\n%s", name, diff)
	}
}

// masked takes what is invented out of the way, but keeps whether it is null; how long a call took may be too little to tell.
func masked(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if v[name] = masked(member); invented[name] && member != nil || name == "tookMs" {
				v[name] = "…"
			}
		}
	case []any:
		for i := range v {
			v[i] = masked(v[i])
		}
	}
	return v
}

// TestExamplesReplayed takes every example of the document through a real server: the requests succeed, and the answers
// are those of the document.
func TestExamplesReplayed(t *testing.T) {
	t.Parallel()
	doc, seen := document(t), map[string]bool{}
	for _, kind := range []string{"Onramp", "Locked", "Checksum", "Offramp"} {
		r := newReplay(t, doc, seen)
		a := r.post(t, "/v1/sessions", r.sk, r.example(t, "CreateSession"+kind)).want(t, 201)
		r.knows(a, "")
		if kind != "Offramp" { // has no answer of its own
			r.same(t, "SessionCreated"+kind, a)
		}
	}
	replayLife(t, newReplay(t, doc, seen), "CreateOrderMinimal")
	replayLife(t, newReplay(t, doc, seen), "CreateOrderFull")
	replayRest(t, newReplay(t, doc, seen))
	replayWebhooks(t, newReplay(t, doc, seen, withEgress), false)
	replayWebhooks(t, newReplay(t, doc, seen, withEgress), true)
	replayPublic(t, newReplay(t, doc, seen))
	replayHosted(t, newReplay(t, doc, seen))
	replayRouted(t, newReplay(t, doc, seen, withMarket))
	for name := range doc.Components.Examples {
		if !seen[name] && !strings.HasPrefix(name, "Error") { // TestExamples of package api and the contract's cases have these
			t.Errorf("the example %s is not replayed", name)
		}
	}
}

// replayLife takes a session and its order to their end, once with each kind of order.
func replayLife(t *testing.T, r *replay, orderExample string) {
	t.Helper()
	asPublic := orderExample == "CreateOrderFull"
	key, suffix := r.sk, ""
	if asPublic {
		key, suffix = r.pk, "ForPublicKey"
	}
	r.pass(-time.Second)
	r.post(t, "/v1/sessions", r.sk, `{"externalCustomerId": "first"}`).want(t, 201) // the list's second page
	r.pass(time.Second)
	created := r.post(t, "/v1/sessions", r.sk, r.example(t, "CreateSessionOnramp")).want(t, 201)
	r.knows(created, "")
	session := "/v1/sessions/" + created.attr("sessionId")
	r.same(t, "Session"+suffix, r.get(t, session, key).want(t, 200))
	r.same(t, "SessionConfirmed"+suffix, r.post(t, session+"/confirm", key, r.example(t, "ConfirmSession")).want(t, 200))

	r.pass(5 * time.Minute)
	request := r.example(t, orderExample)
	if asPublic { // the answers in the document are those without an e-mail address
		request = strings.Replace(request, `"email":"payer@example.com",`, "", 1)
		if rehearsal := newReplay(t, r.doc, r.seen); rehearsal != nil {
			id, secret := rehearsal.session(t)
			rehearsal.known = strings.NewReplacer(exampleSecret, secret)
			rehearsal.post(t, "/v1/sessions/"+id+"/order", rehearsal.pk, rehearsal.example(t, orderExample)).want(t, 201)
		}
	}
	ordered := r.post(t, session+"/order", key, request).want(t, 201)
	r.knows(created, ordered.attr("orderId"))
	r.same(t, "OrderCreated"+suffix, ordered)
	order := "/v1/orders/" + ordered.attr("orderId")
	r.same(t, "Order", r.get(t, order, r.sk).want(t, 200))
	r.same(t, "SessionList", r.get(t, "/v1/sessions?pageSize=1", r.sk).want(t, 200))

	r.pass(2*time.Minute + 30*time.Second)
	simulate := "/v1/test_helpers/orders/" + ordered.attr("orderId") + "/simulate"
	r.same(t, "OrderCompleted", r.post(t, simulate, r.sk, r.example(t, "SimulateOrder")).want(t, 200))
	r.same(t, "OrderCompleted", r.get(t, order, r.sk).want(t, 200))
	r.same(t, "OrderList", r.get(t, "/v1/orders", r.sk).want(t, 200))
	r.same(t, "EmptyPage", r.get(t, "/v1/sessions?page=9", r.sk).want(t, 200))
	if after := r.post(t, simulate, r.sk, `{"status": "created"}`).want(t, 200); after.attr("status") != "completed" {
		t.Errorf("simulating created moved the order: %s", after.raw)
	}
}

func replayRest(t *testing.T, r *replay) {
	t.Helper()
	a := r.post(t, "/v1/sessions", r.sk, r.example(t, "CreateSessionOnramp")).want(t, 201)
	r.knows(a, "")
	r.same(t, "SessionCancelled", r.post(t, "/v1/sessions/"+a.attr("sessionId")+"/cancel", r.sk, r.example(t, "CancelSession")).want(t, 200))
	r.same(t, "Health", r.get(t, "/healthz", "").want(t, 200))
	r.same(t, "Readiness", r.get(t, "/readyz", "").want(t, 200))
	var head string
	if err := json.Unmarshal([]byte(r.example(t, "OpenAPIDocument")), &head); err != nil {
		t.Fatal(err)
	}
	if served := r.get(t, "/openapi.yaml", "").want(t, 200); !strings.HasPrefix(string(served.raw), head) {
		t.Errorf("/openapi.yaml begins with %.100q", served.raw)
	}
	hook := "/gateways/sandbox/webhook/" + string(r.project)
	r.same(t, "ErrorBadSignature", r.post(t, hook, "", r.example(t, "GatewayNotification")).want(t, 401))

	id, secret := r.session(t)
	order := r.post(t, "/v1/sessions/"+id+"/order", r.pk, orderBody(secret, someone)).want(t, 201).attr("orderId")
	o, err := r.db.Order(t.Context(), r.project, checkout.OrderID(order))
	if err != nil {
		t.Fatal(err)
	}
	n := r.sandbox.Notify(o, checkout.OrderCompleted, "evt", r.clock())
	var header []string
	for name, values := range n.Header {
		header = append(header, name, values[0])
	}
	r.same(t, "Acknowledgement", r.send(t, inUS+":1", http.MethodPost, n.Path, "", string(n.Body), header...).want(t, 200))
}

// replayHosted takes a session through the calls of its hosted page.
func replayHosted(t *testing.T, r *replay) {
	t.Helper()
	created := r.post(t, "/v1/sessions", r.sk, r.example(t, "CreateSessionOnramp")).want(t, 201)
	r.knows(created, "")
	page, secret := "/public/v1/checkouts/"+created.attr("sessionId"), created.attr("clientSecret")
	in := "?projectId=" + string(r.project)
	r.same(t, "HostedCheckout", r.get(t, page+in, secret).want(t, 200))
	r.same(t, "HostedCheckout", r.get(t, page, secret).want(t, 200))
	r.same(t, "CheckedAddress", r.post(t, page+"/address"+in, secret, r.example(t, "CheckAddress")).want(t, 200))
	ordered := r.post(t, page+"/order"+in, secret, r.example(t, "HostedOrder")).want(t, 201)
	r.knows(created, regexp.MustCompile("ord_[0-9a-z]+").FindString(string(ordered.raw)))
	token := regexp.MustCompile(`\?t=[^"]+`)
	ordered.raw = token.ReplaceAll(ordered.raw, []byte(token.FindString(r.example(t, "HostedOrderCreated"))))
	r.same(t, "HostedOrderCreated", ordered)
}

// stall is a gateway of the market for orders that leave the choice to the server: the sandbox, by another name and price.
type stall struct {
	*sandbox.Gateway
	id      string
	quote   func() (gateway.Quote, error)
	refuses *checkout.Error
}

func (s stall) Describe() gateway.Description {
	return gateway.Description{ID: s.id, Name: s.id, Modes: []checkout.Mode{checkout.ModeTest}}
}

func (s stall) Check(*checkout.Order) error {
	if s.refuses != nil {
		return s.refuses
	}
	return nil
}

func (s stall) Quote(context.Context, gateway.QuoteRequest) (gateway.Quote, error) { return s.quote() }

func withMarket(p *parts) {
	dearer := func() (q gateway.Quote, err error) {
		for into, text := range map[*money.Amount]string{&q.FiatAmount: "100", &q.CryptoAmount: "0.0241", &q.Rate: "3983.4"} {
			if *into, err = money.Parse(text); err != nil {
				return q, err
			}
		}
		fee, err := money.Parse("3.99")
		q.AddFee(gateway.FeeGateway, fee)
		q.PaymentMethod, q.Serves = "debit-credit-card", time.Minute
		return q, err
	}
	fails := func() (gateway.Quote, error) { return gateway.Quote{}, errors.New("away") }
	p.app.Providers = append(p.app.Providers, gateway.Static(
		stall{Gateway: p.app.Sandbox, id: "moonpay", quote: dearer}, stall{Gateway: p.app.Sandbox, id: "transak", quote: fails},
		stall{Gateway: p.app.Sandbox, id: "stripe", refuses: checkout.FailField(checkout.CodeInvalidNetwork, "network", "must be another")})...)
}

// replayRouted orders from whichever gateway gives the payer most.
func replayRouted(t *testing.T, r *replay) {
	t.Helper()
	created := r.post(t, "/v1/sessions", r.sk, r.example(t, "CreateSessionOnramp")).want(t, 201)
	r.knows(created, "")
	session := "/v1/sessions/" + created.attr("sessionId")
	r.post(t, session+"/confirm", r.sk, r.example(t, "ConfirmSession")).want(t, 200)
	r.pass(5 * time.Minute)
	request := strings.Replace(r.example(t, "CreateOrderMinimal"), "{", `{"gateway": "auto", `, 1)
	ordered := r.post(t, session+"/order", r.sk, request).want(t, 201)
	r.knows(created, ordered.attr("orderId"))
	r.same(t, "OrderRouted", r.get(t, "/v1/orders/"+ordered.attr("orderId"), r.sk).want(t, 200))
}
