package durability_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestLinearizable records what several clients do to a few sessions of the running server, and checks the histories against
// the model.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	rounds, clients := 24, 6
	if testing.Short() {
		rounds = 6
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := sliproadtest.Start(t)
	began := time.Now()
	var history []porcupine.Operation
	for round := range rounds {
		h := &recorder{t: t, began: began}
		for range 6 {
			h.sessions = append(h.sessions, newSession(t, s))
		}
		var running sync.WaitGroup
		for i := range clients {
			c := &actor{h: h, id: i, secret: s.Secret(), public: s.Public(), random: rand.New(rand.NewPCG(seed, uint64(round*clients+i)))}
			running.Go(c.run)
		}
		running.Wait()
		history = append(history, h.history...)
	}
	result, info := porcupine.CheckOperationsVerbose(sessionModel, history, time.Minute)
	t.Logf("%d steps", len(history))
	if result != porcupine.Ok {
		tellIllegal(t, history)
		file := filepath.Join(t.ArtifactDir(), "history.html")
		t.Errorf("the history of %d steps is %s; see %s (go test -artifacts keeps it)", len(history), result, file)
		if err := porcupine.VisualizePath(sessionModel, info, file); err != nil {
			t.Error(err)
		}
	}
}

// recorder is the history of some sessions that all actors act on.
type recorder struct {
	t        *testing.T
	began    time.Time
	sessions []*api.Session

	mu      sync.Mutex
	history []porcupine.Operation
	tokens  [64]int // for each session, how many are given out
}

func (h *recorder) now() int64 { return int64(time.Since(h.began)) }

func (h *recorder) token(session int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens[session]++
	return h.tokens[session] - 1
}

func (h *recorder) add(client int, call int64, steps ...porcupine.Operation) {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range steps {
		op.ClientId, op.Call, op.Return = client, call, now
		h.history = append(h.history, op)
	}
}

// actor is one client.
type actor struct {
	h      *recorder
	id     int
	secret *sliproadtest.Client
	public *sliproadtest.Client
	random *rand.Rand
}

// actions of an actor on each session; with six actors fewer than the 64 tokens of a session.
const actions = 6

// run goes through the sessions in the same order as the others do, so that they meet.
func (c *actor) run() {
	for which := range c.h.sessions {
		for range actions {
			c.act(which)
		}
	}
}

// act does something to the session; simulations only once it shows an order.
func (c *actor) act(which int) {
	session := c.h.sessions[which]
	path := "/v1/sessions/" + session.ID
	call := c.h.now()
	confirmation := api.ConfirmSessionRequest{ClientSecret: session.Attributes.ClientSecret}
	switch dice := c.random.IntN(100); {
	case dice < 20:
		c.step(call, session, stepConfirm, c.public.Post(c.h.t, path+"/confirm", confirmation))
	case dice < 30:
		c.step(call, session, stepCancel, c.secret.Post(c.h.t, path+"/cancel", nil))
	case dice < 42:
		c.order(call, which, session)
	default:
		a := c.secret.Get(c.h.t, path)
		out := c.step(call, session, stepGet, a)
		if out.order != "" && dice < 80 {
			c.simulate(which, session, out.order)
		}
	}
}

var targets = []string{"created", "pending", "processing", "processing", "completed", "failed", "cancelled", "expired", "refunded"}

// step records a request that is one step.
func (c *actor) step(call int64, session *api.Session, step string, a sliproadtest.Answer) output {
	out := c.seen(a)
	c.h.add(c.id, call, porcupine.Operation{Input: input{session: session.ID, step: step}, Output: out})
	return out
}

// seen is what an answer tells.
func (c *actor) seen(a sliproadtest.Answer) output {
	if !a.OK() {
		if a.Status != http.StatusConflict {
			c.h.t.Errorf("%v", a)
		}
		return output{code: a.Code()}
	}
	var resource struct {
		ID         string `json:"id"`
		Type       string `json:"type"`
		Attributes struct {
			Status  string  `json:"status"`
			OrderID *string `json:"orderId"`
		} `json:"attributes"`
	}
	if err := json.Unmarshal(a.Body, &resource); err != nil {
		c.h.t.Errorf("%v: %v", a, err)
	}
	out := output{status: resource.Attributes.Status}
	if resource.Attributes.OrderID != nil {
		out.order = *resource.Attributes.OrderID
	}
	return out
}

func (c *actor) order(call int64, which int, session *api.Session) {
	token := c.h.token(which)
	out := c.seen(c.public.Post(c.h.t, orderPath(session), orderRequest(session)))
	in := input{session: session.ID, step: stepRefused, token: token}
	if out.code != "" {
		c.h.add(c.id, call, porcupine.Operation{Input: in, Output: out})
		return
	}
	reserve, record := in, in
	reserve.step, record.step = stepReserve, stepRecord
	c.h.add(c.id, call, porcupine.Operation{Input: reserve, Output: out}, porcupine.Operation{Input: record, Output: out})
}

func (c *actor) simulate(which int, session *api.Session, order string) {
	in := input{session: session.ID, token: c.h.token(which), target: targets[c.random.IntN(len(targets))]}
	if in.token >= 64 {
		return
	}
	call := c.h.now()
	out := c.seen(c.secret.Post(c.h.t, "/v1/test_helpers/orders/"+order+"/simulate", api.SimulateOrderRequest{Status: in.target}))
	move, moved := in, in
	move.step, moved.step = stepMove, stepMoved
	c.h.add(c.id, call, porcupine.Operation{Input: move, Output: out}, porcupine.Operation{Input: moved, Output: out})
	call = c.h.now()
	c.step(call, session, stepGetOrder, c.secret.Get(c.h.t, "/v1/orders/"+order))
}

// TestExpiryIsFinal races orders with the end of a session's time: one that was read as expired stays so (contract §2.4).
func TestExpiryIsFinal(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t, sliproadtest.Env("SLIPROAD_COMMIT_BATCH=1")) // writes queue, as on a slow disk
	var revived, made atomic.Int64
	many := 160
	spread := time.Duration(0)
	if sliproadtest.OnPostgres() {
		spread = 80 * time.Millisecond // its writes queue less, so that half of the orders have to come late by themselves
	}
	atOnce(many, func(i int) {
		request := sessionRequest
		request.ExpiresInSeconds = 1
		began := time.Now()
		session := sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", request))
		timer := time.NewTimer(time.Second + spread - time.Since(began) - time.Duration(i)*time.Millisecond)
		defer timer.Stop()
		var order sliproadtest.Answer
		var ordering sync.WaitGroup
		ordering.Go(func() {
			<-timer.C
			order = s.Public().Post(t, orderPath(session), orderRequest(session))
		})
		seen := ""
		await(func() bool {
			seen = statusOf(t, s, session)
			return seen != "pending"
		})
		ordering.Wait()
		if order.OK() {
			made.Add(1)
		}
		if seen == "expired" && statusOf(t, s, session) != "expired" {
			revived.Add(1)
		}
	})
	t.Logf("%d of %d sessions were in time for their order", made.Load(), many)
	if n := revived.Load(); n > 0 {
		t.Errorf("%d sessions were read as expired, and then had an order", n)
	}
}

func statusOf(t *testing.T, s *sliproadtest.Server, session *api.Session) string {
	t.Helper()
	return sliproadtest.Decode[api.Session](t, s.Secret().Get(t, "/v1/sessions/"+session.ID)).Attributes.Status
}
