package ramp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/gowebpki/jcs"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
)

const (
	// signatureHeader carries ECDSA over secp256k1 and SHA-256 of the canonical body, as DER in base64 (webhooks).
	signatureHeader   = "X-Body-Signature"
	maxSignatureBytes = 256
	maxTextBytes      = 255
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

// listedAsset is an asset inside of others. Its code is its chain, an underscore and its symbol.
type listedAsset struct {
	Symbol   string `json:"symbol"`
	Chain    string `json:"chain"`
	Decimals *int   `json:"decimals"`
}

func (a *listedAsset) code() string { return a.Chain + "_" + a.Symbol }

// purchase is a RampPurchase (sdk-reference).
type purchase struct {
	ID              string      `json:"id"`
	ViewToken       string      `json:"purchaseViewToken"`
	Status          string      `json:"status"`
	Asset           listedAsset `json:"asset"`
	CryptoAmount    string      `json:"cryptoAmount"`
	FiatCurrency    string      `json:"fiatCurrency"`
	FiatValue       json.Number `json:"fiatValue"`
	AppliedFee      json.Number `json:"appliedFee"`
	NetworkFee      json.Number `json:"networkFee"`
	ReceiverAddress string      `json:"receiverAddress"`
	FinalTxHash     string      `json:"finalTxHash"`
	UpdatedAt       string      `json:"updatedAt"`
}

// sale is a RampSale.
type sale struct {
	ID              string `json:"id"`
	ViewToken       string `json:"saleViewToken"`
	TransactionHash string `json:"transactionHash"`
	UpdatedAt       string `json:"updatedAt"`
	Crypto          struct {
		Amount string      `json:"amount"`
		Asset  listedAsset `json:"assetInfo"`
	} `json:"crypto"`
	Fiat struct {
		Amount   json.Number `json:"amount"` // a text
		Currency string      `json:"currencySymbol"`
		Status   string      `json:"status"`
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
	sum := sha256.Sum256(canonical)
	u, token, err := e.update(&to, hex.EncodeToString(sum[:]))
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

// update tells of the event in our terms, and the token of what it is about.
func (e *event) update(to *reference, hash string) (u gateway.Update, token string, err error) {
	if e.Type == "" {
		return gateway.Update{}, "", errors.New("it has no type")
	}
	switch {
	case to.kind == checkout.Buy && e.Purchase != nil:
		u, err = e.Purchase.update(to, known(types, e.Type))
		token = e.Purchase.ViewToken
	case to.kind == checkout.Sell && e.Payload != nil:
		u, err = e.Payload.update(to, known(types, e.Type))
		token = e.Payload.ViewToken
		if e.ID != "" {
			hash = e.ID
		}
	default:
		err = errors.New("it is not about an order to " + string(to.kind))
	}
	u.DedupKey = hash
	return u, token, errors.Join(err, checkTexts(e.ID, token))
}

func checkTexts(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxTextBytes || strings.ContainsRune(text, 0) { // a database's text holds no NUL
			return fmt.Errorf("a text has a NUL or more than %d bytes", maxTextBytes)
		}
	}
	return nil
}

// update tells of the purchase, whose status is known already.
func (p *purchase) update(to *reference, status checkout.OrderStatus) (gateway.Update, error) {
	u := gateway.Update{OrderID: to.order, Status: status, ExternalOrderID: p.ID, TransactionHash: p.FinalTxHash}
	if err := checkTexts(p.ID, p.FinalTxHash); err != nil || p.ID == "" {
		return gateway.Update{}, cmp.Or(err, errors.New("it has no id"))
	}
	if status != checkout.OrderCompleted {
		return u, nil
	}
	paid, paidErr := gateway.Number(p.FiatValue)
	fee, feeErr := gateway.Number(p.AppliedFee)
	network, networkErr := gateway.Number(p.NetworkFee)
	if err := errors.Join(paidErr, feeErr, networkErr); err != nil {
		return gateway.Update{}, err
	}
	return complete(u, to, p.CryptoAmount, &p.Asset, deal{
		asset: p.Asset.code(), wallet: p.ReceiverAddress, currency: p.FiatCurrency,
		fiat: paid.Decimal(), fees: fee.Decimal().Add(network.Decimal()),
	})
}

// update tells of the sale.
func (s *sale) update(to *reference, status checkout.OrderStatus) (gateway.Update, error) {
	u := gateway.Update{OrderID: to.order, Status: status, ExternalOrderID: s.ID, TransactionHash: s.TransactionHash}
	if err := checkTexts(s.ID, s.TransactionHash); err != nil || s.ID == "" {
		return gateway.Update{}, cmp.Or(err, errors.New("it has no id"))
	}
	if status != checkout.OrderCompleted {
		return u, nil
	}
	return complete(u, to, s.Crypto.Amount, &s.Crypto.Asset, deal{asset: s.Crypto.Asset.code(), currency: s.Fiat.Currency})
}

// complete adds the crypto amount, which is in the smallest units. What is done but isn't what was ordered is left for people
// to look at.
func complete(u gateway.Update, to *reference, units string, a *listedAsset, d deal) (gateway.Update, error) {
	if a.Decimals == nil {
		return gateway.Update{}, errors.New("its asset has no decimals")
	}
	amount, err := gateway.BaseUnits(units, *a.Decimals)
	if err != nil {
		return gateway.Update{}, fmt.Errorf("the crypto amount %w", err)
	}
	u.CryptoAmount = amount
	if reason := to.differs(d); reason != "" {
		u.Status, u.FailureReason = checkout.OrderProcessing, reason[:min(len(reason), maxTextBytes)]
	}
	return u, nil
}
