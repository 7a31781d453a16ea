package httpapi

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// timeText is RFC 3339 in UTC, in whole seconds (contract §1).
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func optionalTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return optional(timeText(t))
}

// session presents a session as the caller may see it: metadata is for secret keys.
func session(s *checkout.Session, call *checkout.Call) api.Session {
	a := api.SessionAttributes{
		SessionID: string(s.ID), ProjectID: string(s.ProjectID), Type: string(s.Type), Status: string(s.StatusAt(call.Now)),
		CustomerID: string(s.CustomerID), ExternalCustomerID: optional(s.ExternalCustomerID),
		SourceAmount: optional(s.SourceAmount.String()), SourceCurrency: optional(s.SourceCurrency),
		DestinationCurrency: optional(s.DestinationCurrency), DestinationAddress: optional(s.DestinationAddress), DestinationTag: optional(s.DestinationTag),
		Network: optional(s.Network), RedirectURL: optional(s.RedirectURL), Country: optional(s.Country),
		FieldLocks: map[string]api.FieldLock{}, ExpiresAt: timeText(s.ExpiresAt), CreatedAt: timeText(s.CreatedAt),
		OrderID: optional(string(s.OrderID)), Warnings: []api.Warning{},
	}
	if call.Secret() {
		a.Metadata = json.RawMessage("null")
		if s.Metadata != nil {
			a.Metadata = s.Metadata
		}
	}
	for m, lock := range s.FieldLocks {
		if lock.Set {
			a.FieldLocks[checkout.Lockable(m).String()] = api.FieldLock{
				Locked: lock.Locked, Min: optional(lock.Min.String()), Max: optional(lock.Max.String()),
			}
		}
	}
	for _, w := range s.Warnings {
		a.Warnings = append(a.Warnings, api.Warning{Code: w.Code, Field: w.Field, Message: w.Message})
	}
	return api.Session{Type: api.KindSession, ID: string(s.ID), Attributes: a}
}

func newSession(s *app.NewSession, call *checkout.Call) api.Session {
	out := session(s.Session, call)
	out.Attributes.ClientSecret, out.Attributes.CheckoutURL = s.ClientSecret, s.CheckoutURL
	return out
}

func partnerMetadata(o *checkout.Order) api.OrderMetadata {
	if o.Metadata == nil {
		return api.OrderMetadata{PartnerMetadata: json.RawMessage("{}")}
	}
	return api.OrderMetadata{PartnerMetadata: o.Metadata}
}

func checkoutOf(o *checkout.Order) api.Checkout {
	return api.Checkout{Method: "redirect", URL: o.CheckoutURL, ExpiresAt: o.CheckoutSeconds}
}

func latePayment(o *checkout.Order) *api.LatePayment {
	if o.LatePaymentAt.IsZero() {
		return nil
	}
	return &api.LatePayment{
		At: timeText(o.LatePaymentAt), CryptoAmount: optional(o.LateCryptoAmount.String()), TransactionHash: optional(o.LateTransactionHash),
	}
}

func deposit(o *checkout.Order) *api.Deposit {
	d := o.Deposit
	if d == nil {
		return nil
	}
	return &api.Deposit{Address: d.Address, Tag: optional(d.Tag), Amount: optional(d.Amount.String()), Until: optionalTime(d.Until)}
}

func discrepancies(o *checkout.Order) []api.Discrepancy {
	list := make([]api.Discrepancy, len(o.Discrepancies))
	for i, d := range o.Discrepancies {
		list[i] = api.Discrepancy(d)
	}
	return list
}

// Routing presents why an order is at its gateway; nil where it was not the server's choice.
func Routing(r *checkout.Routing) *api.Routing {
	if r == nil {
		return nil
	}
	out := &api.Routing{Reason: string(r.Reason), Rule: optional(r.Rule), RankBy: string(r.RankBy), DecidedAt: timeText(r.DecidedAt)}
	for _, c := range r.Candidates {
		one := api.RoutingCandidate{Gateway: c.Gateway, Outcome: string(c.Outcome), Code: optional(string(c.Code)), Message: optional(c.Message)}
		if c.Offer != nil {
			one.Offer = &api.RoutingOffer{
				FiatAmount: c.Offer.FiatAmount.String(), CryptoAmount: c.Offer.CryptoAmount.String(), Rate: c.Offer.Rate.String(), Fees: cmp.Or(c.Offer.Fees.String(), "0"),
			}
		}
		if c.TookMS > 0 {
			one.TookMS = &c.TookMS
		}
		out.Candidates = append(out.Candidates, one)
	}
	return out
}

func order(o *checkout.Order) api.Order {
	hop := checkoutOf(o)
	return api.Order{Type: api.KindOrder, ID: string(o.ID), Attributes: api.OrderAttributes{
		OrderID: string(o.ID), SessionID: string(o.SessionID), ProjectID: string(o.ProjectID), Type: string(o.Type),
		Status: string(o.Status), Gateway: o.Gateway, ExternalOrderID: optional(o.ExternalOrderID),
		FiatAmount: o.FiatAmount.String(), FiatCurrency: o.FiatCurrency, CryptoCurrency: o.CryptoCurrency,
		CryptoAmount: optional(o.CryptoAmount.String()), Network: o.Network, WalletAddress: optional(o.WalletAddress), WalletTag: optional(o.WalletTag),
		Email: optional(o.Email), CustomerID: string(o.CustomerID), ExternalCustomerID: optional(o.ExternalCustomerID),
		TransactionHash: optional(o.TransactionHash), FailureReason: optional(o.FailureReason), Checkout: &hop,
		Metadata: partnerMetadata(o), CreatedAt: timeText(o.CreatedAt), UpdatedAt: timeText(o.UpdatedAt),
		CompletedAt: optionalTime(o.CompletedAt), LatePayment: latePayment(o),
		Deposit: deposit(o), Discrepancies: discrepancies(o), Routing: Routing(o.Routing),
	}}
}

// createdOrder presents an order in the answer to its creation. A payer's browser is not told the partner's metadata.
func createdOrder(o *checkout.Order, call *checkout.Call) api.CreatedOrder {
	a := api.CreatedOrderAttributes{
		OrderID: string(o.ID), Status: string(o.Status), SessionID: string(o.SessionID), Checkout: checkoutOf(o),
		ProjectID: string(o.ProjectID), Type: string(o.Type), Gateway: o.Gateway, ExternalOrderID: optional(o.ExternalOrderID),
		FiatAmount: o.FiatAmount.String(), FiatCurrency: o.FiatCurrency, CryptoCurrency: o.CryptoCurrency,
		CryptoAmount: optional(o.CryptoAmount.String()), Network: o.Network, WalletAddress: optional(o.WalletAddress), WalletTag: optional(o.WalletTag),
		Email: optional(o.Email), CustomerID: string(o.CustomerID), ExternalCustomerID: optional(o.ExternalCustomerID),
		TransactionHash: optional(o.TransactionHash), FailureReason: optional(o.FailureReason),
		CreatedAt: timeText(o.CreatedAt), UpdatedAt: timeText(o.UpdatedAt), CompletedAt: optionalTime(o.CompletedAt),
	}
	if call.Secret() {
		metadata := partnerMetadata(o)
		a.Metadata = &metadata
	}
	return api.CreatedOrder{Type: api.KindOrder, ID: string(o.ID), Attributes: a}
}

// list presents one page.
func list[R, W any](l checkout.List[R], p checkout.Page, present func(R) W) api.List[W] {
	out := api.List[W]{Data: make([]W, 0, len(l.Rows)), Pagination: api.Pagination{
		Page: p.Number, PageSize: p.Size, Total: l.Total, TotalPages: (l.Total + int64(p.Size) - 1) / int64(p.Size),
	}}
	for _, row := range l.Rows {
		out.Data = append(out.Data, present(row))
	}
	if l.Next != nil {
		out.Pagination.NextCursor = optional(l.Next.String())
	}
	return out
}
