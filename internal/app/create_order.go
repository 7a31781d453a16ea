package app

import (
	"context"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// The durable steps of an order, as Config.Step is told of them.
const (
	StepReserved = "order.reserved" // the session is taken; the gateway has not been asked
	StepAsked    = "order.asked"    // the gateway has answered; we have not recorded it
	StepRecorded = "order.recorded" // the order is there; the caller has not been told
)

// CreateOrder makes the one order of a session, in three durable steps: reserve the session, ask the gateway, record
// (contract §2.6). A gateway that fails gives the session back.
func (a *App) CreateOrder(ctx context.Context, call *checkout.Call, id checkout.SessionID, in *checkout.CreateOrder) (*checkout.Order, error) {
	if err := in.Check(); err != nil {
		return nil, err
	}
	choice := &choice{app: a, call: call}
	o, err := again(ctx, func() (*checkout.Order, error) { return a.reserveOrder(ctx, call, id, in, choice) })
	if err != nil || o.Status != checkout.OrderCreating {
		return o, err
	}
	a.Step(StepReserved)
	// From here on the work goes on even if the caller has gone: the session is taken.
	return a.placeOrder(context.WithoutCancel(ctx), call, o)
}

// reserveOrder takes the session for the order. An order in status creating is the caller's to place; any other is the
// outcome of an earlier run of this very call, whose node died.
func (a *App) reserveOrder(ctx context.Context, call *checkout.Call, id checkout.SessionID, in *checkout.CreateOrder, choice *choice) (*checkout.Order, error) {
	s, err := a.payerSession(ctx, call, id, *in.ClientSecret)
	if err != nil {
		if checkout.CodeOf(err) == checkout.CodeSessionAlreadyUsed {
			if o, e := a.DB.Order(ctx, call.Project.ID, call.Seed.OrderID(call.Began)); e == nil && o.SessionID == id {
				return o, nil
			}
		}
		return nil, err
	}
	was := s.Status
	a.payerCountry(call, s)
	o, err := in.Order(call, s)
	if err != nil {
		return nil, err
	}
	if err := choice.make(ctx, in.Gateway, o); err != nil {
		return nil, err
	}
	s.Status, s.UpdatedAt = checkout.SessionProcessing, call.Now
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateSession(s, was); err != nil {
			return err
		}
		return tx.ReserveOrder(o, a.lease(a.now()))
	})
	return o, err
}

// lease outlives the gateway call by far, so that only a dead node's reservation is taken over.
func (a *App) lease(now time.Time) store.Lease {
	return store.Lease{Owner: a.node, Until: now.Add(a.GatewayTimeout + 20*time.Second)}
}

// choice is the choice of an order's gateway. Gateways are asked for their offers once, however often the order is decided anew.
type choice struct {
	app    *App
	call   *checkout.Call
	about  [8]string // what they were asked about
	routed *checkout.Routing
}

// make finds the gateway that the request names, or the project's default, or the best one, and notes it in the order.
func (c *choice) make(ctx context.Context, name *string, o *checkout.Order) error {
	want := c.call.Project.DefaultGateway
	if name != nil {
		want = *name
	}
	if want != checkout.GatewayAuto {
		g, err := c.app.chooseGateway(ctx, c.call.Project, want, o)
		if err == nil {
			o.Gateway = g.Describe().ID
		}
		return err
	}
	about := [8]string{
		string(o.Type), o.FiatAmount.String(), o.FiatCurrency, o.CryptoCurrency, o.Network, o.Country, o.WalletAddress, o.WalletTag,
	}
	if c.routed == nil || about != c.about {
		routed, err := c.app.RouteOrder(ctx, c.call, o)
		if err != nil {
			return err
		}
		c.routed, c.about = routed, about
	}
	o.Routing, o.Gateway = c.routed, c.routed.Candidates[0].Gateway
	return nil
}

// chooseGateway finds the gateway by its id, or the first where there is none, and asks it whether it serves the order.
func (a *App) chooseGateway(ctx context.Context, project *checkout.Project, want string, o *checkout.Order) (gateway.Gateway, error) {
	var refusal error = checkout.FailField(checkout.CodeInvalidGateway, "gateway", "is required, because the project has no default gateway")
	if want != "" {
		refusal = checkout.FailField(checkout.CodeInvalidGateway, "gateway", "is not a gateway that is enabled for this project")
	}
	gateways, err := a.gatewaysOf(ctx, project.ID)
	if err != nil {
		return nil, err
	}
	for _, g := range gateways {
		d := g.Describe()
		if want != "" && want != d.ID {
			continue
		}
		err := serves(g, d, o)
		if err == nil {
			return g, nil
		}
		refusal = err
	}
	return nil, refusal
}

func serves(g gateway.Gateway, d gateway.Description, o *checkout.Order) error {
	if o.WalletAddress == "" && o.Type == checkout.Sell && d.SellNeedsWallet {
		return checkout.FailField(checkout.CodeValidation, "walletAddress", "is required by this gateway, because the session has no destinationAddress")
	}
	if o.Type == checkout.Sell && !d.Sell {
		return checkout.FailField(checkout.CodeInvalidGateway, "gateway", "does not serve offramp sessions")
	}
	return g.Check(o.ForGateway())
}

// placeOrder asks the gateway for the checkout and records the order, or gives the session back. Of an order that was routed
// the next gateway is asked where the first one fails: nothing has been promised to the payer.
func (a *App) placeOrder(ctx context.Context, call *checkout.Call, o *checkout.Order) (*checkout.Order, error) {
	for {
		made, cause := a.askCheckout(ctx, call, o)
		if cause == nil {
			a.Step(StepAsked)
			recorded, err := again(ctx, func() (*checkout.Order, error) { return a.recordOrder(ctx, o, made) })
			if err == nil {
				a.Step(StepRecorded)
			}
			return recorded, err
		}
		routing, next := nextRoute(o.Routing, cause)
		if routing == nil {
			err := a.releaseOrder(ctx, o, cause)
			if there, e := a.elsewhere(ctx, o, cause); e == nil {
				return there, nil
			}
			return nil, err
		}
		o.Routing, o.Gateway, o.UpdatedAt = routing, next, a.now()
		var version int64
		err := a.DB.Tx(ctx, func(tx *store.Tx) (err error) {
			version, err = tx.RerouteReservation(o, a.lease(a.now()))
			return err
		})
		if errors.Is(err, store.ErrConflict) { // another node has taken this one for dead
			return a.elsewhere(ctx, o, cause)
		}
		if err != nil {
			return nil, err
		}
		o.Version = version
	}
}

// askCheckout asks the order's gateway for the checkout.
func (a *App) askCheckout(ctx context.Context, call *checkout.Call, o *checkout.Order) (made gateway.Checkout, err error) {
	g, err := a.gateway(ctx, o.ProjectID, o.Gateway)
	if err != nil {
		return made, err
	}
	within := a.tryTime(o)
	ask, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := a.Now()
	made, err = guarded(func() (gateway.Checkout, error) { return g.CreateCheckout(ask, a.request(call, o)) })
	if err == nil {
		err = checkMade(g, made)
	}
	if _, opens := g.(gateway.Opener); !opens { // else it has asked nobody
		a.watch(ask, healthKey{o.ProjectID, o.Gateway, CallOrder}, "", began, within, err)
	}
	return made, err
}

// checkMade refuses a checkout that leads nowhere.
func checkMade(g gateway.Gateway, made gateway.Checkout) error {
	if _, opens := g.(gateway.Opener); made.URL == "" && !opens {
		return errors.New("the gateway gave no URL")
	}
	return nil
}

// recordOrder stores the gateway's checkout: from now on the order exists.
func (a *App) recordOrder(ctx context.Context, reserved *checkout.Order, made gateway.Checkout) (*checkout.Order, error) {
	now, seed := a.now(), newSeed()
	o := *reserved
	o.Status, o.UpdatedAt = checkout.OrderCreated, now
	o.CheckoutURL, o.ExternalOrderID = checkout.Legible(made.URL), checkout.Legible(made.ExternalOrderID)
	if made.URL == "" {
		o.CheckoutURL = a.hopURL(&o)
	}
	if made.Serves > 0 {
		o.CheckoutSeconds = int64(made.Serves / time.Second)
	}
	err := a.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateOrder(&o, checkout.OrderCreating); err != nil {
			return err
		}
		s, err := tx.Session(ctx, o.ProjectID, o.SessionID)
		if err != nil {
			return err
		}
		s.OrderID, s.UpdatedAt = o.ID, now
		if err := tx.UpdateSession(s, s.Status); err != nil {
			return err
		}
		return a.tellOrder(ctx, tx, seed, checkout.EventPending, &o, now)
	})
	if !errors.Is(err, store.ErrConflict) {
		return &o, err
	}
	return a.elsewhere(ctx, &o, errors.New("the reservation was given back meanwhile, or is at another gateway"))
}

// elsewhere is what became of an order in creation that is in other hands, which thought this node dead: they have recorded it, or
// given the session back for the cause, or are at it.
func (a *App) elsewhere(ctx context.Context, o *checkout.Order, cause error) (*checkout.Order, error) {
	there, err := a.DB.Order(ctx, o.ProjectID, o.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && there.Status == checkout.OrderCreating {
		return nil, gatewayUnavailable(o.Gateway, cause)
	}
	return there, err
}

// releaseOrder gives the session back after its gateway failed, and returns what the caller is told.
func (a *App) releaseOrder(ctx context.Context, o *checkout.Order, cause error) error {
	now := a.now()
	_, err := again(ctx, func() (none struct{}, err error) {
		return none, a.DB.Tx(ctx, func(tx *store.Tx) error {
			if err := tx.DropReservation(o); errors.Is(err, store.ErrConflict) {
				return nil // another node has resolved it
			} else if err != nil {
				return err
			}
			s, err := tx.Session(ctx, o.ProjectID, o.SessionID)
			if err != nil {
				return err
			}
			was := s.Status
			s.Status, s.UpdatedAt = o.PriorStatus, now
			return tx.UpdateSession(s, was)
		})
	})
	if err != nil {
		return errors.Join(err, cause)
	}
	return gatewayUnavailable(o.Gateway, cause)
}

func gatewayUnavailable(id string, cause error) error {
	return checkout.Fail(checkout.CodeGatewayUnavailable, "The gateway "+id+" did not make a checkout; the session is not used up. Try again, or name another gateway.").Because(cause)
}
