package app

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// When a gateway's circuit opens, and for how long.
const (
	healthCalls   = 20               // the last ones, which are judged
	healthWindow  = 10 * time.Minute // calls that are older say nothing
	healthLeast   = 5                // as many calls say something
	firstShutTime = 15 * time.Second // doubles with each trial that fails
	mostShutTime  = 5 * time.Minute
)

// GatewayCallKind is what a gateway was called for. Each has a circuit of its own: a gateway whose prices fail may well sell,
// and what anybody may ask for must not decide over orders.
type GatewayCallKind string

// The kinds of calls.
const (
	CallQuote GatewayCallKind = "quote" // for the public quotes
	CallOffer GatewayCallKind = "offer" // a quote, to route an order
	CallOrder GatewayCallKind = "order" // to make a checkout
)

// GatewayCallOutcome is how a call ended.
type GatewayCallOutcome string

// The outcomes of a call. A gateway that refuses is well.
const (
	CallOK      GatewayCallOutcome = "ok"
	CallRefused GatewayCallOutcome = "refused"
	CallFailed  GatewayCallOutcome = "failed"
	CallSlow    GatewayCallOutcome = "slow" // took more than half of its time, or all
)

// GatewayCall is a call of a gateway that is over.
type GatewayCall struct {
	Project checkout.ProjectID
	Gateway string
	Kind    GatewayCallKind
	Outcome GatewayCallOutcome
	Took    time.Duration
	Err     error // why it failed, or refused; without secrets
}

type healthKey struct {
	project checkout.ProjectID
	gateway string
	kind    GatewayCallKind
}

// gatewayHealth keeps, on each node for itself, how the projects' gateways have done lately.
type gatewayHealth struct {
	mu       sync.Mutex
	circuits map[healthKey]*gatewayCircuit
	blamed   map[healthKey]map[checkout.OrderID]time.Time // when an order's failure counted last
}

// gatewayCircuit opens when half of the last calls were bad, whether they failed or were slow. After a pause it lets one call
// through at a time; the first good one closes it.
type gatewayCircuit struct {
	calls [healthCalls]int64 // when they ended, in milliseconds since 1970, negative where bad; 0: none yet
	next  int

	open   bool
	until  time.Time // the end of the pause
	trial  time.Time // until when the trial under way keeps others back; zero: none is
	trials int       // that were bad since it opened
}

// trialTime is how long a trial may take before another is let through.
const trialTime = 30 * time.Second

func (c *gatewayCircuit) record(now time.Time, bad bool) {
	if c.open {
		if !bad {
			*c = gatewayCircuit{}
			return
		}
		if !c.trial.IsZero() || !now.Before(c.until) { // else it was under way when the circuit opened, and says nothing new
			c.trials++
			c.trial, c.until = time.Time{}, now.Add(min(mostShutTime, firstShutTime<<min(c.trials, 8)))
		}
		return
	}
	c.calls[c.next] = now.UnixMilli()
	if bad {
		c.calls[c.next] *= -1
	}
	c.next = (c.next + 1) % healthCalls
	calls, failures := 0, 0
	oldest := now.Add(-healthWindow).UnixMilli()
	for _, at := range c.calls {
		switch {
		case at > oldest:
			calls++
		case at < -oldest:
			calls++
			failures++
		}
	}
	if bad && calls >= healthLeast && failures*2 >= calls {
		c.open, c.until = true, now.Add(firstShutTime)
	}
}

// healthy tells whether a call of the kind is worth while: the circuit is closed, or it is time for a trial.
func (h *gatewayHealth) healthy(key healthKey, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.circuits[key]
	return c == nil || !c.open || !now.Before(c.until) && !now.Before(c.trial)
}

// claim is healthy for who makes the call at once: a trial is then the caller's.
func (h *gatewayHealth) claim(key healthKey, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.circuits[key]
	if c == nil || !c.open {
		return true
	}
	if now.Before(c.until) || now.Before(c.trial) {
		return false
	}
	c.trial = now.Add(trialTime)
	return true
}

// release gives back the trial of a call that says nothing, for the next caller.
func (h *gatewayHealth) release(key healthKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.circuits[key]; c != nil {
		c.trial = time.Time{}
	}
}

func (h *gatewayHealth) record(key healthKey, now time.Time, bad bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.circuits[key]
	if c == nil {
		c = &gatewayCircuit{}
		if h.circuits == nil {
			h.circuits = map[healthKey]*gatewayCircuit{}
		}
		h.circuits[key] = c
	}
	c.record(now, bad)
}

// rest opens the circuit for as long as the gateway, which is asked too often, wants to be left alone.
func (h *gatewayHealth) rest(key healthKey, now time.Time, pause time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.circuits[key] // it has just been recorded
	if c == nil {
		return
	}
	if until := now.Add(min(mostShutTime, max(pause, firstShutTime))); !c.open || until.After(c.until) {
		c.open, c.until, c.trial = true, until, time.Time{}
	}
}

// blame tells whether a failure counts that a payer has met with the order: one in a window does, so that nobody alone, clicking
// on what the gateway won't make, opens a circuit that is everybody's.
func (h *gatewayHealth) blame(key healthKey, order checkout.OrderID, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.blamed == nil {
		h.blamed = map[healthKey]map[checkout.OrderID]time.Time{}
	}
	maps.DeleteFunc(h.blamed[key], func(_ checkout.OrderID, at time.Time) bool { return now.Sub(at) >= healthWindow })
	if _, there := h.blamed[key][order]; there {
		return false
	}
	if h.blamed[key] == nil {
		h.blamed[key] = map[checkout.OrderID]time.Time{}
	}
	h.blamed[key][order] = now
	return true
}

// OpenCircuits counts the circuits that are open, by gateway and kind.
func (a *App) OpenCircuits() map[string]map[GatewayCallKind]int {
	a.health.mu.Lock()
	defer a.health.mu.Unlock()
	open := map[string]map[GatewayCallKind]int{}
	for key, c := range a.health.circuits {
		if !c.open {
			continue
		}
		if open[key.gateway] == nil {
			open[key.gateway] = map[GatewayCallKind]int{}
		}
		open[key.gateway][key.kind]++
	}
	return open
}

// watch is called when a gateway's call is over, with the context that bounded it and the time that this gave: it counts for the
// gateway's health. A caller who left says nothing. The order is named where it is its payer who makes the call, and may again.
func (a *App) watch(ctx context.Context, key healthKey, order checkout.OrderID, began time.Time, given time.Duration, err error) time.Duration {
	took := a.Now().Sub(began)
	outcome := CallOK
	var told *checkout.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		a.health.release(key)
		return took
	case errors.As(err, &told) && told.Code != checkout.CodeGatewayUnavailable:
		outcome = CallRefused
	case err != nil && ctx.Err() != nil, err == nil && took > given/2:
		outcome = CallSlow
	case err != nil:
		outcome = CallFailed
	}
	bad := outcome == CallFailed || outcome == CallSlow
	pause, often := tooMany(err)
	if !bad || order == "" || often || a.health.blame(key, order, a.now()) {
		a.health.record(key, a.now(), bad)
	}
	if often {
		a.health.rest(key, a.now(), pause)
	}
	if a.GatewayCalled != nil {
		a.GatewayCalled(GatewayCall{key.project, key.gateway, key.kind, outcome, took, err})
	}
	return took
}
