package durability_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// lostEmail makes the sandbox fail, and never have heard of the order when asked again.
const lostEmail = "lost@sandbox.test"

var sessionRequest = api.CreateSessionRequest{
	ExternalCustomerID: "payer", SourceAmount: "100.00", SourceCurrency: "USD", DestinationCurrency: "ETH", Network: "ethereum",
	DestinationAddress: wallet,
}

func orderRequest(s *api.Session) api.CreateOrderRequest {
	return api.CreateOrderRequest{
		ClientSecret: s.Attributes.ClientSecret, FiatAmount: "100", CryptoCurrency: "ETH", Network: "ethereum",
	}
}

func orderPath(s *api.Session) string { return "/v1/sessions/" + s.ID + "/order" }

// TestCrashAtStep has the server die at each durable step of an order, with and without an Idempotency-Key.
func TestCrashAtStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"order.reserved", "order.asked", "order.recorded"} {
		for _, key := range []string{"", "the-key"} {
			for _, confirmed := range []bool{false, true} {
				if confirmed && testing.Short() {
					continue
				}
				t.Run(fmt.Sprintf("%s, key %q, confirmed %v", step, key, confirmed), func(t *testing.T) {
					t.Parallel()
					crashAtStep(t, step, key, confirmed)
				})
			}
		}
	}
}

func crashAtStep(t *testing.T, step, key string, confirmed bool) {
	t.Helper()
	s := doomed(t, step)
	session := sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", sessionRequest))
	if confirmed {
		confirm(t, s, session)
	}
	body := orderRequest(session)
	dieOrdering(t, s, session, body, key)

	outlive(s)
	var orders []string
	if key != "" { // clients that retry race with the recovery, and with each other
		orders = retryAtOnce(t, s, session, body, key, 8)
	}
	order := awaitOrder(t, s, session)
	for _, id := range orders {
		if id != order {
			t.Errorf("the retry gave order %s, the session has %s", id, order)
		}
	}
	if a := s.Public().Post(t, orderPath(session), body); a.Code() != api.CodeSessionAlreadyUsed {
		t.Errorf("a second order: %v", a)
	}
	read := sliproadtest.Decode[api.Order](t, s.Secret().Get(t, "/v1/orders/"+order))
	if read.Attributes.Status != "created" || read.Attributes.Checkout == nil || read.Attributes.Checkout.URL == "" {
		t.Errorf("the recovered order: %+v", read.Attributes)
	}
	// It is a whole order: it can be paid.
	sliproadtest.Decode[api.Order](t, s.Secret().Post(t, "/v1/test_helpers/orders/"+order+"/simulate", api.SimulateOrderRequest{Status: "completed"}))
	wantStatus(t, s, session, "completed")
	stopAll(s)
	db := inspect(t, s)
	wantSound(t, db)
	wantCount(t, db, 1, "select count(*) from orders")
	wantCount(t, db, 1, "select count(*) from events where type = 'transaction.pending' and order_id = $1", order)
}

// quickGateway makes the lease of an order end 20 s after its beginning.
var quickGateway = "SLIPROAD_GATEWAY_TIMEOUT=100ms"

// doomed starts a server that dies at the step. On PostgreSQL that is the first of its nodes; the other never dies.
func doomed(t *testing.T, step string) *sliproadtest.Server {
	t.Helper()
	s := sliproadtest.Start(t, sliproadtest.Tags("crashtest"), sliproadtest.Env("SLIPROAD_CRASH_AT="+step, quickGateway))
	if sliproadtest.OnPostgres() {
		s.Node(1).Restart(sliproadtest.Env(quickGateway))
	}
	return s
}

// outlive goes on after the death: with the other node, or with a new start.
func outlive(s *sliproadtest.Server) {
	if !sliproadtest.OnPostgres() {
		s.Restart(sliproadtest.Env())
	}
}

// stopAll ends the server cleanly, a node that had died included.
func stopAll(s *sliproadtest.Server) {
	if sliproadtest.OnPostgres() {
		s.Node(0).Restart(sliproadtest.Env(quickGateway))
	}
	s.Stop()
}

func confirm(t *testing.T, s *sliproadtest.Server, session *api.Session) {
	t.Helper()
	sliproadtest.Decode[api.Session](t, s.Public().Post(t, "/v1/sessions/"+session.ID+"/confirm",
		api.ConfirmSessionRequest{ClientSecret: session.Attributes.ClientSecret}))
}

// dieOrdering sends the order of which the server dies.
func dieOrdering(t *testing.T, s *sliproadtest.Server, session *api.Session, body api.CreateOrderRequest, key string) {
	t.Helper()
	var header []string
	if key != "" {
		header = []string{"Idempotency-Key", key}
	}
	a, err := s.Node(0).Client(s.PublicKey).Do(context.Background(), http.MethodPost, orderPath(session), body, header...)
	if err == nil {
		t.Fatalf("the server should have died; it answered %v", a)
	}
	s.AwaitKilled()
}

// retryAtOnce sends the order again with its key, many times at once, each until it is answered 201, and returns the ids.
func retryAtOnce(t *testing.T, s *sliproadtest.Server, session *api.Session, body any, key string, times int) []string {
	t.Helper()
	answers := make([]sliproadtest.Answer, times)
	atOnce(times, func(i int) { answers[i] = postUntilDone(t, s.Public(), orderPath(session), body, key) })
	var ids []string
	for _, a := range answers {
		if a.Status != http.StatusCreated || string(a.Body) != string(answers[0].Body) {
			t.Errorf("retry: %v\nanother: %v", a, answers[0])
			continue
		}
		ids = append(ids, sliproadtest.Decode[api.CreatedOrder](t, a).ID)
	}
	return ids
}

// TestCrashGivesBack has the server die before a gateway that then knows nothing of the order: the session must be usable
// again, in the status that it had.
func TestCrashGivesBack(t *testing.T) {
	t.Parallel()
	for _, prior := range []string{"pending", "confirmed"} {
		for _, key := range []string{"", "the-key"} {
			t.Run(fmt.Sprintf("%s, key %q", prior, key), func(t *testing.T) {
				t.Parallel()
				crashGivesBack(t, prior, key)
			})
		}
	}
}

func crashGivesBack(t *testing.T, prior, key string) {
	t.Helper()
	s := doomed(t, "order.reserved")
	session := sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", sessionRequest))
	if prior == "confirmed" {
		confirm(t, s, session)
	}
	body := orderRequest(session)
	body.Email = lostEmail
	dieOrdering(t, s, session, body, key)

	outlive(s)
	if key != "" { // the gateway fails still, which is no answer to keep
		for range 2 {
			a := postUntilDone(t, s.Public(), orderPath(session), body, key)
			if a.Status != http.StatusServiceUnavailable || a.Code() != api.CodeGatewayUnavailable {
				t.Errorf("retry at a gateway that fails: %v", a)
			}
		}
	}
	wantStatus(t, s, session, prior)
	made := sliproadtest.Decode[api.CreatedOrder](t, s.Public().Post(t, orderPath(session), orderRequest(session)))
	if id := awaitOrder(t, s, session); id != made.ID {
		t.Errorf("the session has order %s, made was %s", id, made.ID)
	}
	stopAll(s)
	db := inspect(t, s)
	wantSound(t, db)
	wantCount(t, db, 1, "select count(*) from orders")
	wantCount(t, db, 1, "select count(*) from events where type = 'transaction.pending'")
}

// atOnce runs do so many times at the same moment and waits for all.
func atOnce(times int, do func(i int)) {
	gun := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(times)
	for i := range times {
		done.Go(func() {
			ready.Done()
			<-gun
			do(i)
		})
	}
	ready.Wait()
	close(gun)
	done.Wait()
}
