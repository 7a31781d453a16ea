package app

import (
	"context"
	"errors"
	"net/url"
	"time"

	"rsc.io/qr"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
)

const purposeReturn = "checkout return"

// CheckoutQuery names a session for the hosted page, and what opens it.
type CheckoutQuery struct {
	Problems   checkout.Problems
	ProjectID  *string // nil: looked for in all projects
	Credential string  // the clientSecret, or the token of the return page
}

// Checkout is what the hosted page shows of a session.
type Checkout struct {
	Session     *checkout.Session
	Order       *checkout.Order // nil: none yet
	GatewayName string          // of the order
	CheckoutURL string          // where the order can still be paid; empty: nowhere
	DepositQR   *qr.Code        // of the address to which the payer must send the crypto; nil: there is nothing to send now
	Full        bool            // by the clientSecret; the return page's token shows less
	Routed      bool            // an order that names no gateway is routed by the server
}

// GetCheckout reads a session for the hosted page: whole for one who holds its clientSecret, and where it stands for one who
// has come back from the gateway in another browser, with the token of the return page.
func (a *App) GetCheckout(ctx context.Context, call *checkout.Call, id checkout.SessionID, q *CheckoutQuery) (*Checkout, error) {
	full, err := a.openPage(ctx, call, id, q)
	if err != nil {
		return nil, err
	}
	s, err := a.GetSession(ctx, call, id)
	if err != nil {
		return nil, err
	}
	page := &Checkout{Session: s, Full: full, Routed: call.Project.DefaultGateway == checkout.GatewayAuto}
	if s.OrderID == "" {
		return page, nil
	}
	if page.Order, err = a.DB.Order(ctx, s.ProjectID, s.OrderID); err != nil {
		return nil, err
	}
	a.describeOrder(page, call.Now)
	return page, nil
}

// describeOrder adds what the page tells of the order beside its own members.
func (a *App) describeOrder(page *Checkout, now time.Time) {
	o := page.Order
	page.GatewayName = o.Gateway
	if p, ok := a.provider(o.Gateway); ok {
		page.GatewayName = p.Describe().Name
	}
	if payable(o, now) == nil {
		page.CheckoutURL = o.CheckoutURL
	}
	if o.AwaitsDeposit(now) && (o.Status == checkout.OrderCreated || o.Status == checkout.OrderPending) {
		page.DepositQR, _ = qr.Encode(o.Deposit.Address, qr.M) // the address is shown without a code if it is too long for one
	}
}

// openPage finds the session's project and makes it the call's, and tells whether the credential is the clientSecret.
// The credential is derived from the session's id, so a wrong one is refused before anything is looked up.
func (a *App) openPage(ctx context.Context, call *checkout.Call, id checkout.SessionID, q *CheckoutQuery) (full bool, err error) {
	for _, want := range a.Ring.Tokens(purposeClientSecret, string(id)) {
		full = vault.Equal(clientSecretPrefix+want, q.Credential) || full
	}
	returned := false
	for _, want := range a.Ring.Tokens(purposeReturn, string(id)) {
		returned = vault.Equal(want, q.Credential) || returned
	}
	if !full && !returned {
		return false, checkout.FailField(checkout.CodeForbidden, "clientSecret", "is not that of this session")
	}
	if q.Problems.Has("query") { // it may have named a project
		return false, q.Problems.Err()
	}
	if q.ProjectID == nil {
		if !full { // the return page's address always names it
			return false, checkout.NotFound("session")
		}
		return full, a.searchProject(ctx, call, id)
	}
	project, ok := checkout.ParseUUID(*q.ProjectID)
	if !ok {
		q.Problems.Add("projectId", "must be a UUID")
		return false, q.Problems.Err()
	}
	return full, a.publicProject(ctx, call, checkout.ProjectID(project))
}

// searchProject asks for the session in every project: an address without the project is for people who type it. Whoever
// asks holds a credential, so this is no way to keep the database busy.
func (a *App) searchProject(ctx context.Context, call *checkout.Call, id checkout.SessionID) error {
	projects, err := a.DB.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range projects {
		switch _, err := a.DB.Session(ctx, p.ID, id); {
		case err == nil:
			call.Caller = checkout.Caller{Project: p}
			return nil
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	return checkout.NotFound("session")
}

// checkoutPage is the address of the session's hosted page. It names the project, so that the page's look-ups go to the one
// shard that has the session.
func (a *App) checkoutPage(s *checkout.Session) string {
	return a.PublicURL + "/checkout/" + string(s.ID) + "/" + string(s.ProjectID)
}

// returnPage is where a gateway sends the payer of a hosted page back to. Its token opens the state of the session and
// nothing else, because gateways see it.
func (a *App) returnPage(project checkout.ProjectID, id checkout.SessionID, language string, embedded bool) string {
	token, _ := a.Ring.Token(purposeReturn, string(id))
	query := "?k=" + url.QueryEscape(token)
	if language != "" {
		query += "&lang=" + url.QueryEscape(language)
	}
	if embedded {
		query += "&embed=1"
	}
	return a.checkoutPage(&checkout.Session{ProjectID: project, ID: id}) + "/return" + query
}
