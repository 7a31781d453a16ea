package banxa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// listed is an order in the API's words. The reference is externalId in the documentation of the answers, and externalOrderId
// in that of the questions and in answers that public wallets have seen.
type listed struct {
	ID              string       `json:"id"`
	ExternalID      string       `json:"externalId"`
	ExternalOrderID string       `json:"externalOrderId"`
	Status          string       `json:"status"`
	CryptoAmount    figure       `json:"cryptoAmount"`
	TransactionID   figure       `json:"transactionHash"`
	Coin            coin         `json:"crypto"`
	Blockchain      gateway.Text `json:"blockchain"`
	Fiat            gateway.Text `json:"fiat"`
	FiatAmount      gateway.Text `json:"fiatAmount"`
	Wallet          gateway.Text `json:"walletAddress"`
	Tag             gateway.Text `json:"walletAddressTag"`
}

// coin is an asset on its blockchain: an object in the documentation, a text beside blockchain in Banxa's SDKs.
type coin struct{ ID, Blockchain gateway.Text }

// UnmarshalJSON takes either, and what it can't read for nothing.
func (c *coin) UnmarshalJSON(raw []byte) error {
	var told struct {
		ID         gateway.Text `json:"id"`
		Blockchain gateway.Text `json:"blockchain"`
	}
	if json.Unmarshal(raw, &told) == nil {
		*c = coin(told)
		return nil
	}
	return c.ID.UnmarshalJSON(raw)
}

func (l *listed) order(kind checkout.OrderType) *order {
	o := &order{
		ID: l.ID, Reference: l.ExternalOrderID, Status: l.Status, Type: kind, CryptoAmount: l.CryptoAmount, TransactionID: l.TransactionID,
		Coin: l.Coin, Fiat: l.Fiat, FiatAmount: l.FiatAmount, Wallet: l.Wallet, Tag: l.Tag,
	}
	if o.Reference == "" {
		o.Reference = l.ExternalID
	}
	if o.Coin.Blockchain == "" {
		o.Coin.Blockchain = l.Blockchain
	}
	return o
}

// Poll asks for the orders that were made there for ours, one for each time that the payer came. Those that may still
// succeed come before those that failed: the order is not over because a checkout that nobody opened is.
// https://docs.banxa.com/products/hosted-checkout/docs/transaction-lifecycle/order-lookup
func (a *account) Poll(ctx context.Context, r gateway.Request) ([]gateway.Update, error) {
	const day = 24 * time.Hour
	query := url.Values{
		"start":              {r.Order.CreatedAt.UTC().Add(-day).Format(time.DateOnly)},
		"end":                {r.Now.UTC().Add(day).Format(time.DateOnly)},
		"externalCustomerId": {customer(r.Order)},
		"limit":              {"100"},
	}
	var answer struct {
		Orders *[]*listed `json:"orders"`
	}
	request := gatewaycall.Request{Method: http.MethodGet, URL: a.apiURL + "/orders?" + query.Encode()}
	if err := a.call(ctx, request, &answer); err != nil {
		return nil, err
	}
	if answer.Orders == nil {
		return nil, errors.New("banxa: the answer has no list of orders")
	}
	var best *order
	for _, l := range *answer.Orders {
		if l == nil {
			continue
		}
		if o := l.order(r.Order.Type); o.Reference == string(r.Order.ID) && (best == nil || o.worth() > best.worth()) {
			best = o
		}
	}
	if best == nil {
		return nil, nil
	}
	u, err := a.update(best, "poll "+best.ID+" "+best.Status)
	if err != nil {
		return nil, fmt.Errorf("banxa: %w", err)
	}
	if u.Deposit = best.deposit(r.Order); u.Deposit != nil {
		u.DedupKey += " " + u.Deposit.Address // which may be told later than the status
	}
	return []gateway.Update{u}, nil
}

// worth orders the tries. One that waits for the payment, a buyer's that is under way or a seller's crypto, is before one that
// only may be paid, and behind one of which the payment has arrived.
func (o *order) worth() int {
	if o.Status == waitingPayment {
		return 2*gateway.Furthest(checkout.OrderPending) + 1
	}
	return 2 * gateway.Furthest(outcomeOf(o.Type, o.Status).status)
}

// deposit is where the seller is to send the crypto. Banxa's page shows it, unless the account is set up for a platform that
// sends it for the customer, which is to read it from the order once that waits for the payment:
// https://docs.banxa.com/products/hosted-checkout/docs/on-ramp-off-ramp/custodial-vs-non-custodial. The order has no other
// address than walletAddress, and public wallets send there (EdgeApp/edge-react-gui, src/plugins/gui/providers/banxaProvider.ts);
// but the order was made with the seller's own under that name, so that this one is none, nor is what can't be an address.
func (o *order) deposit(ours *checkout.Order) *checkout.Deposit {
	if o.Type != checkout.Sell || o.Status != waitingPayment || o.Wallet == "" || asset.SameAddress(string(o.Wallet), ours.WalletAddress) {
		return nil
	}
	network, known := asset.LookupNetwork(ours.Network)
	if !known {
		return nil
	}
	if _, err := network.CheckAddress(string(o.Wallet)); err != nil {
		return nil
	}
	amount, _ := o.CryptoAmount.amount() // which update has read already
	return &checkout.Deposit{Address: string(o.Wallet), Tag: string(o.Tag), Amount: amount}
}
