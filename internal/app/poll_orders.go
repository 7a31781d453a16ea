package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/store"
)

// Limits of asking gateways about orders. The older an order, the rarer it is asked about: each pause is a part of its age.
const (
	askBatch       = 20               // orders of an account in one run
	askRun         = 15 * time.Second // how long an account's run may last, and how long after its begin a run takes on accounts
	askAgePart     = 20
	askFor         = 30 * 24 * time.Hour // from the order's creation
	askNever       = 100 * 365 * 24 * time.Hour
	askFailPause   = 15 * time.Second // doubles with each failure
	askMaxPause    = 10 * time.Minute
	askFailures    = 3 // in a row mean that the gateway fails, and not an order
	accountsAtOnce = 8 // of one gateway
)

// askPauses are how long the accounts are left alone that have failed last. Each node has its own.
type askPauses struct {
	mu    sync.Mutex
	until map[[2]string]askPause
}

type askPause struct {
	failures int
	until    time.Time
}

func (p *askPauses) over(row *store.GatewayAccount, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !now.Before(p.until[[2]string{string(row.ProjectID), row.Gateway}].until)
}

// note keeps whether the account's gateway failed, and for how long it wants to be left alone, if it says so.
func (p *askPauses) note(row *store.GatewayAccount, failed bool, wanted time.Duration, now time.Time) {
	key := [2]string{string(row.ProjectID), row.Gateway}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !failed {
		delete(p.until, key)
		return
	}
	if p.until == nil {
		p.until = map[[2]string]askPause{}
	}
	last := p.until[key]
	p.until[key] = askPause{last.failures + 1, now.Add(min(askMaxPause, max(wanted, askFailPause<<min(last.failures, 10))))}
}

// PollOrders asks the gateways that can be asked about the open orders of all projects, for when their notifications get lost,
// and applies what they answer as it does notifications. It returns how many orders it has asked about. Nodes may do so at the
// same time: before an order is asked about it is leased to one.
func (a *App) PollOrders(ctx context.Context) (int, error) {
	rows, err := a.DB.AccountsToAsk(ctx, a.now())
	if err != nil {
		return 0, err
	}
	rows = slices.DeleteFunc(rows, func(row *store.GatewayAccount) bool { return !a.asking.over(row, a.now()) })
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] }) //nolint:gosec // so that a run leaves others than the last; nobody gains by guessing it
	return a.eachAccount(rows, accountsAtOnce, askRun, func(row *store.GatewayAccount) (int, error) {
		g, err := a.gateway(ctx, row.ProjectID, row.Gateway)
		poller, ok := g.(gateway.Poller)
		if !ok {
			if errors.Is(err, errNoGateway) { // another version's
				err = nil
			}
			return 0, err
		}
		n, down, wanted, err := a.pollAccount(ctx, row, poller, g.Describe().PollEvery)
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		a.asking.note(row, down, wanted, a.now())
		return n, err
	})
}

// pollAccount asks about the account's orders that are due, one after the other. An order about which that fails stops none of
// the others; a gateway that is down, or says that it is asked too often, is asked no more for now; wanted is the pause that it asks for.
func (a *App) pollAccount(ctx context.Context, row *store.GatewayAccount, poller gateway.Poller, every time.Duration) (asked int, down bool, wanted time.Duration, err error) {
	began := a.now()
	due, err := a.DB.OrdersToAsk(ctx, row.ProjectID, row.Gateway, began, askBatch)
	if err != nil {
		return 0, false, 0, err
	}
	var failed []error
	failures := 0 // in a row
	for _, one := range due {
		now := a.now()
		late := now.Sub(began) > askRun
		if down = failures >= askFailures || late && failures > 0; down || late || ctx.Err() != nil {
			break
		}
		lease := store.Lease{Owner: a.node, Until: now.Add(askPauseOf(one.Order, every, now))}
		err := a.DB.Tx(ctx, func(tx *store.Tx) error { return tx.AskOrder(one.Order, one.Lease, lease) })
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return asked, false, 0, errors.Join(append(failed, err)...)
		}
		asked++
		failures++
		if _, err := guarded(func() (none struct{}, err error) { return none, a.pollOrder(ctx, poller, one.Order) }); err != nil {
			failed = append(failed, fmt.Errorf("asking %s about order %s: %w", row.Gateway, one.Order.ID, err))
			if pause, often := tooMany(err); often {
				failures, wanted = askFailures, pause
			}
			continue
		}
		failures = 0
	}
	return asked, down || failures >= askFailures, wanted, errors.Join(failed...)
}

// tooMany tells whether the gateway says that it is asked too often, and for how long it wants to be left alone; 0: it doesn't say.
func tooMany(err error) (time.Duration, bool) {
	if e, ok := errors.AsType[gateway.TooMany](err); ok {
		return e.Pause()
	}
	return 0, false
}

// askPauseOf is how long an order is left alone that is asked about now.
func askPauseOf(o *checkout.Order, every time.Duration, now time.Time) time.Duration {
	age := now.Sub(o.CreatedAt)
	if age > askFor {
		return askNever
	}
	return max(every, age/askAgePart)
}

func (a *App) pollOrder(ctx context.Context, poller gateway.Poller, o *checkout.Order) error {
	ask, cancel := context.WithTimeout(ctx, a.GatewayTimeout)
	defer cancel()
	now := a.now()
	updates, err := poller.Poll(ask, gateway.Request{Order: o.ForGateway(), Now: now})
	if err != nil || len(updates) == 0 {
		return err
	}
	for _, u := range updates {
		if u.OrderID != o.ID {
			return errors.New("the answer is about another order")
		}
	}
	body, err := json.Marshal(updates)
	if err != nil {
		return err
	}
	return a.applyUpdates(ctx, o.Gateway, gateway.Notification{ProjectID: o.ProjectID, Body: body, Now: now}, updates)
}

// eachAccount works on accounts side by side, a few of each gateway at a time, so that a slow gateway keeps those of no other
// waiting. So long after its begin it begins no more, and leaves them to the next run. A panic is that account's failure, and
// not the end of the server.
func (a *App) eachAccount(rows []*store.GatewayAccount, atOnce int, begins time.Duration, work func(*store.GatewayAccount) (int, error)) (sum int, err error) {
	began := a.now()
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := map[string]chan struct{}{}
	for _, row := range rows {
		if slots[row.Gateway] == nil {
			slots[row.Gateway] = make(chan struct{}, atOnce)
		}
		free := slots[row.Gateway]
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			if a.now().Sub(began) > begins {
				return
			}
			n, failed := guarded(func() (int, error) { return work(row) })
			mu.Lock()
			defer mu.Unlock()
			sum, err = sum+n, errors.Join(err, failed)
		})
	}
	all.Wait()
	return sum, err
}

// guarded calls a gateway. A panic is that gateway's failure, and not the end of the server.
func guarded[T any](work func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return work()
}

// tokensKept is for how long a token stays known after its end, for what was signed by it.
const tokensKept = 30 * 24 * time.Hour

// PruneTokens removes what gateways gave for a time that ended a month ago.
func (a *App) PruneTokens(ctx context.Context) error {
	rows, err := a.DB.AllGatewayAccounts(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		err := a.DB.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.PruneTokens(row.ProjectID, row.Gateway, a.now().Add(-tokensKept))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
