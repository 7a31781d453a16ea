package ramp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/gowebpki/jcs"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/money"
)

const (
	// signatureHeader carries ECDSA over secp256k1 and SHA-256 of the canonical body, as DER in base64 (webhooks).
	signatureHeader   = "X-Body-Signature"
	maxSignatureBytes = 256
	// viewTokenLives is how long an order may still be asked about.
	viewTokenLives = 90 * 24 * time.Hour
)

// event is what Ramp posts: a purchase, or with mode OFFRAMP a sale in payload. Only the latter has an id of its own.
type event struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Mode     string    `json:"mode"`
	Purchase *purchase `json:"purchase"`
	Payload  *sale     `json:"payload"`
}

// listedAsset is an asset inside of others. Its code is its chain, an underscore and its symbol. Older purchases name no chain,
// but have it in the symbol, or not at all (sdk-reference).
type listedAsset struct {
	Symbol   string `json:"symbol"`
	Chain    string `json:"chain"`
	Address  string `json:"address"` // the token's contract
	Decimals *int   `json:"decimals"`
}

// parts are the chain, empty where it isn't told, and the symbol.
func (a *listedAsset) parts() (chain, symbol string) {
	if chain, symbol, ok := strings.Cut(a.Symbol, "_"); ok && a.Chain == "" {
		return chain, symbol
	}
	return a.Chain, a.Symbol
}

func (a *listedAsset) code() string {
	chain, symbol := a.parts()
	if chain == "" {
		return symbol
	}
	return chain + "_" + symbol
}

// purchase is a RampPurchase (sdk-reference). fiatValue is all that the user pays, with the fees inside.
type purchase struct {
	ID              string      `json:"id"`
	ViewToken       string      `json:"purchaseViewToken"`
	Status          string      `json:"status"`
	Asset           listedAsset `json:"asset"`
	CryptoAmount    string      `json:"cryptoAmount"`
	FiatCurrency    string      `json:"fiatCurrency"`
	FiatValue       json.Number `json:"fiatValue"`
	ReceiverAddress string      `json:"receiverAddress"`
	FinalTxHash     string      `json:"finalTxHash"`
	UpdatedAt       string      `json:"updatedAt"`
}

// sale is a RampSale. The status is in an answer only (https://github.com/bitpay/bitpay-app, ramp-sell.models.ts).
type sale struct {
	ID              string `json:"id"`
	Status          string `json:"status"`
	ViewToken       string `json:"saleViewToken"`
	TransactionHash string `json:"transactionHash"`
	UpdatedAt       string `json:"updatedAt"`
	Crypto          struct {
		Amount string      `json:"amount"`
		Status string      `json:"status"`
		Asset  listedAsset `json:"assetInfo"`
	} `json:"crypto"`
	Fiat struct {
		Currency string `json:"currencySymbol"`
		Status   string `json:"status"`
	} `json:"fiat"`
}

// types are the kinds of events; ERROR, of older documents, and whatever may come end nothing.
var types = map[string]checkout.OrderStatus{
	"CREATED": checkout.OrderPending, "RELEASED": checkout.OrderCompleted, "RETURNED": checkout.OrderRefunded, "EXPIRED": checkout.OrderExpired,
}

// statuses are those of a purchase; no list of them is published, this one is of Ramp's SDK and of wallets. A payment that
// failed ends nothing: the payer may try again.
var statuses = map[string]checkout.OrderStatus{
	"CREATED": checkout.OrderPending, "INITIALIZED": checkout.OrderPending, "PAYMENT_STARTED": checkout.OrderPending,
	"PAYMENT_FAILED": checkout.OrderPending, "FIAT_PENDING": checkout.OrderPending,
	"PAYMENT_IN_PROGRESS": checkout.OrderProcessing, "PAYMENT_EXECUTED": checkout.OrderProcessing, "FIAT_SENT": checkout.OrderProcessing,
	"FIAT_RECEIVED": checkout.OrderProcessing, "RELEASING": checkout.OrderProcessing,
	"RELEASED": checkout.OrderCompleted, "EXPIRED": checkout.OrderExpired, "CANCELLED": checkout.OrderCancelled,
	"REVIEW_REJECTED": checkout.OrderFailed, "RETURNED": checkout.OrderRefunded, "FIAT_RETURNED": checkout.OrderRefunded,
}

// known is the status by the table, or processing.
func known(table map[string]checkout.OrderStatus, theirs string) checkout.OrderStatus {
	if status, ok := table[theirs]; ok {
		return status
	}
	return checkout.OrderProcessing
}

// ParseNotification verifies the signature, and that the URL to which it came is one of ours, and then reads the event. The token
// with which to ask for the purchase or sale is kept, for when later notifications get lost.
func (g *account) ParseNotification(ctx context.Context, n gateway.Notification) ([]gateway.Update, error) {
	canonical, ok := g.genuine(n)
	if !ok {
		return nil, gateway.ErrForged
	}
	to, ok := g.readReference(n.Path)
	if !ok {
		return nil, gateway.ErrForged
	}
	var e event
	if err := json.Unmarshal(n.Body, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	u, token, err := g.told(&e, to, gateway.Hash(canonical))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrMalformed, err)
	}
	if token != "" && !u.Status.Final() {
		if err := g.remember(ctx, to.order, u.ExternalOrderID, token, n.Now); err != nil {
			return nil, err
		}
	}
	return []gateway.Update{u}, nil
}

// genuine verifies the signature over the canonical form of the body, which it returns.
func (g *account) genuine(n gateway.Notification) ([]byte, bool) {
	values := textproto.MIMEHeader(n.Header).Values(signatureHeader)
	if len(values) != 1 || len(values[0]) > maxSignatureBytes || n.ProjectID != g.a.ProjectID || !json.Valid(n.Body) {
		return nil, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(values[0])
	if err != nil {
		return nil, false
	}
	signature, err := ecdsa.ParseDERSignature(raw)
	if err != nil {
		return nil, false
	}
	canonical, err := jcs.Transform(n.Body)
	if err != nil {
		return nil, false
	}
	sum := sha256.Sum256(canonical)
	return canonical, signature.Verify(sum[:], g.public)
}

// told tells of the event in our terms, and the token of what it is about.
func (g *account) told(e *event, to reference, hash string) (u gateway.Update, token string, err error) {
	if e.Type == "" {
		return gateway.Update{}, "", errors.New("it has no type")
	}
	status := known(types, e.Type)
	switch {
	case to.kind == checkout.Buy && e.Purchase != nil:
		if status == checkout.OrderPending && e.Purchase.Status != "" && known(statuses, e.Purchase.Status) != checkout.OrderPending {
			status = checkout.OrderProcessing // the news of its beginning came late
		}
		u, err = g.purchased(e.Purchase, to, status)
		token = e.Purchase.ViewToken
	case to.kind == checkout.Sell && e.Payload != nil:
		if status == checkout.OrderPending {
			status = e.Payload.begun()
		}
		u, err = g.sold(e.Payload, to, status)
		token = e.Payload.ViewToken
		if e.ID != "" {
			hash = e.ID
		}
	default:
		err = errors.New("it is not about an order to " + string(to.kind))
	}
	u.DedupKey = hash
	return u, token, errors.Join(err, gateway.CheckTexts(e.ID, token))
}

// purchased tells of the purchase, whose status is known already.
func (g *account) purchased(p *purchase, to reference, status checkout.OrderStatus) (gateway.Update, error) {
	u := gateway.Update{OrderID: to.order, Type: to.kind, Status: status, ExternalOrderID: p.ID, TransactionHash: p.FinalTxHash}
	if err := gateway.CheckTexts(p.ID, p.FinalTxHash, p.ReceiverAddress, p.FiatCurrency, p.Asset.Chain, p.Asset.Symbol); err != nil || p.ID == "" {
		return gateway.Update{}, cmp.Or(err, errors.New("it has no id"))
	}
	if status != checkout.OrderCompleted {
		return u, nil
	}
	value, err := gateway.Number(p.FiatValue)
	if err != nil {
		return gateway.Update{}, err
	}
	u.Paid = g.paid(checkout.Buy, &p.Asset, p.FiatCurrency)
	u.Paid.WalletAddress, u.Paid.FiatAmount = p.ReceiverAddress, value
	if currency, ok := money.LookupCurrency(p.FiatCurrency); ok {
		// It is a float; nobody pays a part of a cent. What comes to 0 is no amount, and isn't told.
		u.Paid.FiatAmount, _ = money.FromDecimal(value.Decimal().Round(int32(currency.MinorUnits)))
	}
	return complete(u, p.CryptoAmount, &p.Asset)
}

// sold tells of the sale.
func (g *account) sold(s *sale, to reference, status checkout.OrderStatus) (gateway.Update, error) {
	u := gateway.Update{OrderID: to.order, Type: to.kind, Status: status, ExternalOrderID: s.ID, TransactionHash: s.TransactionHash}
	if err := gateway.CheckTexts(s.ID, s.TransactionHash, s.Fiat.Currency, s.Crypto.Asset.Chain, s.Crypto.Asset.Symbol); err != nil || s.ID == "" {
		return gateway.Update{}, cmp.Or(err, errors.New("it has no id"))
	}
	if status != checkout.OrderCompleted {
		return u, nil
	}
	u.Paid = g.paid(checkout.Sell, &s.Crypto.Asset, s.Fiat.Currency)
	return complete(u, s.Crypto.Amount, &s.Crypto.Asset)
}

// complete adds the crypto amount, which is told in the smallest units.
func complete(u gateway.Update, units string, a *listedAsset) (gateway.Update, error) {
	if a.Decimals == nil {
		return gateway.Update{}, errors.New("its asset has no decimals")
	}
	amount, err := gateway.BaseUnits(units, *a.Decimals)
	if err != nil {
		return gateway.Update{}, fmt.Errorf("the crypto amount %w", err)
	}
	u.CryptoAmount = amount
	return u, nil
}

// paid is what was paid in our terms, as far as purchases and sales tell it alike. What is none of ours is told by Ramp's own
// code, so that it differs from what was ordered. A sale's fiat amount is left out, as it is written nowhere whether its fees
// are inside; so is where its crypto came from. Where the seller sends it, Ramp's own page shows, so that no update has a
// deposit.
func (g *account) paid(kind checkout.OrderType, a *listedAsset, fiat string) checkout.Paid {
	code, network := g.named(kind, a)
	p := checkout.Paid{FiatCurrency: fiat, CryptoCurrency: code, Network: network}
	if currency, ok := money.LookupCurrency(fiat); ok {
		p.FiatCurrency = currency.Code
	}
	return p
}

// named has our names of the asset and its network. One that Ramp doesn't list any longer may still be that of an earlier order.
func (g *account) named(kind checkout.OrderType, a *listedAsset) (code, network string) {
	if listed, ok := g.serving.Of(kind).Named(a.code(), ""); ok {
		return listed.Code, listed.Network
	}
	chain, symbol := a.parts()
	coin, ours := asset.LookupAsset(symbol)
	if ours && chain == "" {
		return coin.Code, ""
	}
	network = chains[chain]
	if _, on := coin.OnNetwork(network); on && !gateway.OtherToken(symbol, network, a.Address) {
		return coin.Code, network
	}
	return a.code(), ""
}
