// Package app has the use cases: one exported method, one file, one operationId.
//
// It knows the domain, the store and the gateways, and nothing of HTTP or the command line. It and internal/worker are
// the only places that read the clock. Invariant: a gateway is never called inside a transaction, and nothing is
// answered before it is durable.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/egress"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/geoip"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
)

// Config is what an App is made of.
type Config struct {
	DB             *store.DB
	Ring           *vault.Ring
	Countries      *geoip.Table
	Providers      []gateway.Provider // of which the first that serves a project is its default
	Sandbox        *sandbox.Gateway   // also in Providers; nil: no simulation
	HostileSandbox bool               // it repeats and delays notifications, for tests
	PublicURL      string             // without a trailing slash
	Egress         *egress.Client     // the way to partners' URLs
	GatewayTimeout time.Duration      // for one call of a gateway; 0: 10 s
	Now            func() time.Time   // nil: time.Now
	GatewayCalled  func(GatewayCall)  // sees each call of a gateway that is over; nil: none
	Step           func(name string)  // sees each durable step of an order, for crash tests; nil: none
}

// App carries out the operations of the API.
type App struct {
	Config
	node      string // names this process among the owners of leases
	keys      keyCache
	customers customerCache
	accounts  accountCache
	asking    askPauses
	health    gatewayHealth
	endpoints endpointCache
	wakes     wakes

	unfinished unfinished
}

// New makes an App.
func New(c Config) *App {
	if c.GatewayTimeout == 0 {
		c.GatewayTimeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Step == nil {
		c.Step = func(string) {}
	}
	return &App{Config: c, node: rand.Text(), wakes: wakes{keys: map[endpointKey]bool{}, signal: make(chan struct{}, 1)}, unfinished: newUnfinished()}
}

// now is the time of a call, in the resolution that is stored.
func (a *App) now() time.Time { return a.Now().UTC().Truncate(time.Microsecond) }

func newSeed() checkout.Seed {
	var s checkout.Seed
	_, _ = rand.Read(s[:]) // never fails: crypto/rand ends the program instead
	return s
}

// NewCall makes a call without a caller.
func (a *App) NewCall(address netip.Addr) *checkout.Call {
	call := &checkout.Call{Address: address, Seed: newSeed()}
	a.Renew(call)
	return call
}

// Renew sets the call's time, once its request has been read: that may have taken a while.
func (a *App) Renew(call *checkout.Call) {
	call.Now = a.now()
	call.Began = call.Now
}

// maxAttempts bounds how often an operation is decided anew because a row changed while it was being decided.
const maxAttempts = 32

// again repeats the operation while its compare-and-swap finds another's change.
func again[T any](ctx context.Context, op func() (T, error)) (T, error) {
	for range maxAttempts {
		result, err := op()
		if !errors.Is(err, store.ErrConflict) {
			return result, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	var none T
	return none, checkout.Fail(checkout.CodeDatabaseUnavailable, "The resource is changing too often; try again in a moment.")
}

// found turns the store's ErrNotFound into the contract's 404.
func found[T any](kind string, v T, err error) (T, error) {
	if errors.Is(err, store.ErrNotFound) {
		return v, checkout.NotFound(kind)
	}
	return v, err
}
