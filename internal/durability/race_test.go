package durability_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

const racers = 48

// TestRaces has one server under several races at once, and counts rows in the end.
func TestRaces(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	t.Cleanup(func() { // after all of them
		s.Stop()
		db := inspect(t, s)
		wantSound(t, db)
		wantCount(t, db, 0, "select count(*) from sessions where status = 'cancelled' and order_id <> ''")
		for round := range rounds {
			wantCount(t, db, 1, "select count(*) from customers where external_id = $1", fmt.Sprint("one of ", round))
			wantCount(t, db, racers, "select count(*) from sessions where external_customer_id = $1", fmt.Sprint("one of ", round))
			wantCount(t, db, 1, "select count(*) from sessions where external_customer_id = $1", fmt.Sprint("key ", round))
		}
	})
	for round := range rounds {
		for name, race := range map[string]func(t *testing.T, s *sliproadtest.Server, round int){
			"orders": raceOrders, "customer": raceCustomer, "key": raceKey, "keyed order": raceKeyedOrder,
			"actions": raceActions, "confirmations": raceConfirm,
		} {
			t.Run(fmt.Sprint(name, " ", round), func(t *testing.T) {
				t.Parallel()
				race(t, s, round)
			})
		}
	}
}

func newSession(t *testing.T, s *sliproadtest.Server) *api.Session {
	t.Helper()
	return sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", sessionRequest))
}

func raceOrders(t *testing.T, s *sliproadtest.Server, _ int) {
	t.Helper()
	session := newSession(t, s)
	answers := make([]sliproadtest.Answer, racers)
	public := s.Public()
	atOnce(racers, func(i int) { answers[i] = public.Post(t, orderPath(session), orderRequest(session)) })
	won := ""
	for _, a := range answers {
		switch {
		case a.Status == http.StatusCreated && won == "":
			won = sliproadtest.Decode[api.CreatedOrder](t, a).ID
		case a.Status != http.StatusConflict || a.Code() != api.CodeSessionAlreadyUsed:
			t.Errorf("order of a session in a race (won so far: %q): %v", won, a)
		}
	}
	if got := awaitOrder(t, s, session); got != won {
		t.Errorf("the winner was told order %q, the session has %s", won, got)
	}
}

func raceCustomer(t *testing.T, s *sliproadtest.Server, round int) {
	t.Helper()
	name := fmt.Sprint("one of ", round)
	customers, sessions := map[string]bool{}, map[string]bool{}
	answers := make([]sliproadtest.Answer, racers)
	secret := s.Secret()
	atOnce(racers, func(i int) {
		answers[i] = secret.Post(t, "/v1/sessions", api.CreateSessionRequest{ExternalCustomerID: name})
	})
	for _, a := range answers {
		session := sliproadtest.Decode[api.Session](t, a)
		customers[session.Attributes.CustomerID], sessions[session.ID] = true, true
	}
	if len(customers) != 1 || len(sessions) != racers {
		t.Errorf("%d customers, %d sessions", len(customers), len(sessions))
	}
}

func raceKey(t *testing.T, s *sliproadtest.Server, round int) {
	t.Helper()
	key := fmt.Sprint("key ", round)
	answers := make([]sliproadtest.Answer, racers)
	secret := s.Secret()
	atOnce(racers, func(i int) {
		answers[i] = postUntilDone(t, secret, "/v1/sessions", api.CreateSessionRequest{ExternalCustomerID: key}, key)
	})
	wantSame(t, answers)
	session := sliproadtest.Decode[api.Session](t, answers[0])
	sliproadtest.Decode[api.Session](t, s.Public().Post(t, "/v1/sessions/"+session.ID+"/confirm",
		api.ConfirmSessionRequest{ClientSecret: session.Attributes.ClientSecret}))
}

func raceKeyedOrder(t *testing.T, s *sliproadtest.Server, round int) {
	t.Helper()
	key := fmt.Sprint("order key ", round)
	session := newSession(t, s)
	answers := make([]sliproadtest.Answer, racers)
	public := s.Public()
	atOnce(racers, func(i int) { answers[i] = postUntilDone(t, public, orderPath(session), orderRequest(session), key) })
	wantSame(t, answers)
	if made := sliproadtest.Decode[api.CreatedOrder](t, answers[0]); made.ID != awaitOrder(t, s, session) {
		t.Errorf("told was order %s", made.ID)
	}
}

// wantSame demands one 201 answer for all, byte for byte.
func wantSame(t *testing.T, answers []sliproadtest.Answer) {
	t.Helper()
	fresh := 0
	for _, a := range answers {
		if a.Status != http.StatusCreated || string(a.Body) != string(answers[0].Body) {
			t.Errorf("got %v\nanother got %v", a, answers[0])
		}
		if a.Header.Get("Idempotent-Replayed") == "" {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d answers were not replays, want 1", fresh)
	}
}

// raceActions confirms, cancels and orders the same session at once: it ends cancelled or with an order, never both.
func raceActions(t *testing.T, s *sliproadtest.Server, _ int) {
	t.Helper()
	session := newSession(t, s)
	secret, public := s.Secret(), s.Public()
	answers := make([]sliproadtest.Answer, racers)
	atOnce(racers, func(i int) {
		path := "/v1/sessions/" + session.ID
		switch i % 3 {
		case 0:
			answers[i] = public.Post(t, orderPath(session), orderRequest(session))
		case 1:
			answers[i] = secret.Post(t, path+"/cancel", nil)
		default:
			answers[i] = public.Post(t, path+"/confirm", api.ConfirmSessionRequest{ClientSecret: session.Attributes.ClientSecret})
		}
	})
	made, cancelled := 0, 0
	for i, a := range answers {
		switch {
		case i%3 == 0 && a.OK():
			made++
		case i%3 == 1 && a.OK():
			cancelled++
		case a.OK(), a.Code() == api.CodeSessionAlreadyUsed, a.Code() == api.CodeSessionCancelled:
		default:
			t.Errorf("%v", a)
		}
	}
	end := sliproadtest.Decode[api.Session](t, secret.Get(t, "/v1/sessions/"+session.ID)).Attributes
	switch {
	case made == 1 && cancelled == 0 && end.Status == "processing" && end.OrderID != nil:
	case made == 0 && cancelled == racers/3 && end.Status == "cancelled" && end.OrderID == nil:
	default:
		t.Errorf("%d orders made, %d times cancelled, and the session is %s, with an order: %v", made, cancelled, end.Status, end.OrderID != nil)
	}
}

// raceConfirm confirms a session many times at once: each may, while there is no order (contract §2.5).
func raceConfirm(t *testing.T, s *sliproadtest.Server, _ int) {
	t.Helper()
	session := newSession(t, s)
	public := s.Public()
	answers := make([]sliproadtest.Answer, racers)
	atOnce(racers, func(i int) {
		answers[i] = public.Post(t, "/v1/sessions/"+session.ID+"/confirm", api.ConfirmSessionRequest{ClientSecret: session.Attributes.ClientSecret})
	})
	var refused []sliproadtest.Answer
	for _, a := range answers {
		if a.Status != http.StatusOK {
			refused = append(refused, a)
		}
	}
	if len(refused) > 0 {
		t.Errorf("%d of %d confirmations at once were refused, such as: %v", len(refused), racers, refused[0])
	}
}
