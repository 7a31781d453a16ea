package stripe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

const sessionsPath = "/v1/crypto/onramp_sessions"

// session is a crypto.onramp_session (https://docs.stripe.com/api/crypto/onramp_sessions/object). Its client_secret is not
// read: whoever has it can drive the session.
type session struct {
	ID          string            `json:"id"`
	RedirectURL string            `json:"redirect_url"`
	Status      string            `json:"status"`
	Metadata    map[string]string `json:"metadata"`
	Details     json.RawMessage   `json:"transaction_details"`
}

type details struct {
	DestinationAmount gateway.Digits `json:"destination_amount"`
	TransactionID     string         `json:"transaction_id"`
}

// referenceKey is the metadata under which a session has the order's id.
const referenceKey = "order_id"

// OpenCheckout makes the order's session, or gives the one again that the same payer had: the idempotency key is made of the
// order and of all that is sent. An e-mail address that Stripe takes no longer under the name that we know is left out.
func (a *account) OpenCheckout(ctx context.Context, r gateway.Request) (gateway.Checkout, error) {
	if err := makeable(r); err != nil {
		return gateway.Checkout{}, err
	}
	form := a.sessionForm(r)
	made, err := a.createSession(ctx, r.Order.ID, form, "")
	if unknown := unknownParameter(err); unknown != "" && form.Has(unknown) && strings.HasSuffix(unknown, "[email]") {
		form.Del(unknown)
		made, err = a.createSession(ctx, r.Order.ID, form, "")
	}
	if failedFor(err) {
		made, err = a.createSession(ctx, r.Order.ID, form, "-2")
	}
	if err != nil {
		return gateway.Checkout{}, refused(err)
	}
	if made.ID == "" || made.RedirectURL == "" {
		return gateway.Checkout{}, errors.New("stripe: the answer has no session with a redirect_url; the account may have no hosted onramp")
	}
	if _, err := gateway.CheckoutURL(made.RedirectURL, ""); err != nil {
		return gateway.Checkout{}, errors.New("stripe: the session's redirect_url is no URL")
	}
	if err := gateway.CheckTexts(made.ID); err != nil {
		return gateway.Checkout{}, fmt.Errorf("stripe: the session's id: %w", err)
	}
	return gateway.Checkout{URL: made.RedirectURL, ExternalOrderID: made.ID}, nil
}

// sessionForm is the body of https://docs.stripe.com/api/crypto/onramp_sessions/create. Lists of one lock the asset and the
// network; the amount is a default that the payer may change.
func (a *account) sessionForm(r gateway.Request) url.Values {
	o := r.Order
	p := pair{o.CryptoCurrency, o.Network}
	form := url.Values{
		"source_currency": {strings.ToLower(o.FiatCurrency)}, "source_amount": {o.FiatAmount.String()},
		"destination_currency": {p.currency()}, "destination_currencies[]": {p.currency()},
		"destination_network": {networkName(p.network)}, "destination_networks[]": {networkName(p.network)},
		"wallet_addresses[" + memberName(p.network) + "]": {o.WalletAddress}, "lock_wallet_address": {"true"},
		"metadata[" + referenceKey + "]": {string(o.ID)},
	}
	if o.WalletTag != "" {
		form.Set("wallet_addresses[destination_tags]["+memberName(p.network)+"]", o.WalletTag)
	}
	// It says where the payer is, which is all that Stripe asks it for: a session for one that can't be placed may be refused.
	if address := gateway.PublicAddress(r.Address); address != "" {
		form.Set("customer_ip_address", address)
	}
	parameter := cmp.Or(a.Settings["emailParameter"], emailCustomer)
	if o.Email != "" && parameter != emailNone {
		form.Set(parameter+"[email]", o.Email)
	}
	return form
}

// createSession makes the session, once for each form and try.
func (a *account) createSession(ctx context.Context, id checkout.OrderID, form url.Values, try string) (session, error) {
	sum := sha256.Sum256([]byte(form.Encode()))
	var made session
	err := a.ask(ctx, http.MethodPost, sessionsPath, form, string(id)+"-"+hex.EncodeToString(sum[:8])+try, &made)
	return made, err
}

// failedFor tells of a failure that Stripe repeats for a day to each request with the same key
// (https://docs.stripe.com/api/idempotent_requests), so that the payer would get no session until then.
func failedFor(err error) bool { return gatewaycall.Status(err) == http.StatusInternalServerError }

// failure is the body of an error (https://docs.stripe.com/api/errors).
type failure struct {
	Error struct {
		Code  string `json:"code"`
		Param string `json:"param"`
	} `json:"error"`
}

func failureOf(err error) (failure, bool) {
	var answer *gatewaycall.Error
	var f failure
	if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest {
		return f, false
	}
	return f, json.Unmarshal(answer.Body, &f) == nil
}

func unknownParameter(err error) string {
	f, ok := failureOf(err)
	switch {
	case !ok || f.Error.Code != "parameter_unknown":
		return ""
	case f.Error.Param == emailCustomer || f.Error.Param == emailKYC: // the whole of it
		return f.Error.Param + "[email]"
	}
	return f.Error.Param
}

// refusals are Stripe's codes and what they mean for the payer.
var refusals = map[string]*checkout.Error{
	"crypto_onramp_unsupported_country":    errNowhere,
	"crypto_onramp_unsupportable_customer": errNowhere,
	"crypto_onramp_unsupported_region":     errNowhere,

	"crypto_onramp_invalid_source_destination_pair":                   errPair,
	"crypto_onramp_invalid_destination_currency_and_network_pair":     errPair,
	"crypto_onramp_invalid_destination_currencies_and_networks":       errPair,
	"crypto_onramp_quote_invalid_destination_currencies_and_networks": errPair,
	"crypto_onramp_incomplete_destination_currency_and_network_pair":  errPair,
	"crypto_onramp_wallet_addresses_not_all_networks_supported":       errPair,

	"crypto_onramp_invalid_source_amount":      errLimits,
	"crypto_onramp_invalid_destination_amount": errLimits,
	"crypto_onramp_wallet_address_invalid":     checkout.FailField(checkout.CodeValidation, "walletAddress", "is not one that Stripe takes for this network"),
}

var (
	errNowhere = checkout.FailField(checkout.CodeInvalidGateway, "gateway", "does not serve the payer there")
	errPair    = checkout.FailField(checkout.CodeInvalidNetwork, "network", "is not one on which Stripe serves this asset for this currency there")
	errLimits  = checkout.FailField(checkout.CodeInvalidAmount, "fiatAmount", "is outside what Stripe takes")
)

// refused makes of a refusal what the payer may be told; another error stays what it is.
func refused(err error) error {
	f, ok := failureOf(err)
	if !ok {
		return err
	}
	told, known := refusals[f.Error.Code]
	if !known && f.Error.Param == "source_amount" {
		told, known = errLimits, true
	}
	if !known {
		return err
	}
	of := *told
	return of.Because(err)
}

// update says what the session means for the order, but for the key that tells it from others.
func (a *account) update(s *session, id checkout.OrderID) (gateway.Update, error) {
	u := gateway.Update{OrderID: id, Type: checkout.Buy, Status: statusOf(s.Status), ExternalOrderID: s.ID}
	if s.ID == "" || s.Status == "" {
		return u, errors.New("id and status of the session are required")
	}
	var d details
	if len(s.Details) > 0 {
		if err := json.Unmarshal(s.Details, &d); err != nil {
			return u, fmt.Errorf("transaction_details: %w", err)
		}
	}
	// A transaction_id of Stripe's own is no hash of the network's.
	if !strings.HasPrefix(d.TransactionID, "cxt_") {
		u.TransactionHash = d.TransactionID
	}
	err := gateway.CheckTexts(string(id), s.ID, s.Status, d.TransactionID)
	if err != nil {
		return u, err
	}
	if u.CryptoAmount, err = d.DestinationAmount.Amount(); err != nil {
		return u, err
	}
	if u.Status == checkout.OrderFailed {
		u.FailureReason = "Stripe rejected the payer: identity, sanctions or fraud checks did not pass."
	}
	u.Paid = a.paid(s)
	return u, nil
}
