package checkout

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/money"
)

// OrderType is what the payer does.
type OrderType string

// An onramp session makes a buy order, an offramp session a sell order.
const (
	Buy  OrderType = "buy"
	Sell OrderType = "sell"
)

// OrderType is the type of the orders of such sessions.
func (t SessionType) OrderType() OrderType {
	if t == Offramp {
		return Sell
	}
	return Buy
}

// Order is one purchase or sale at a gateway. At most one comes from a session.
type Order struct {
	ID                 OrderID
	ProjectID          ProjectID
	SessionID          SessionID
	Type               OrderType
	Status             OrderStatus
	Gateway            string
	ExternalOrderID    string // the gateway's
	FiatAmount         money.Amount
	FiatCurrency       string
	CryptoCurrency     string
	CryptoAmount       money.Amount // unset until known
	Network            string
	WalletAddress      string
	WalletTag          string // the memo or destination tag that belongs to WalletAddress; empty: none
	Email              string
	CustomerID         CustomerID
	ExternalCustomerID string
	RedirectURL        string
	Country            string
	TransactionHash    string
	FailureReason      string
	CheckoutURL        string
	CheckoutSeconds    int64 // how long CheckoutURL serves, in seconds
	Metadata           []byte
	CreatedAt          time.Time
	UpdatedAt          time.Time
	CompletedAt        time.Time // zero until completed
	LatePaymentAt      time.Time // when money came for an order already failed, cancelled or expired; zero: never

	// What the gateway said of the late payment. It stands beside the order's own members, which stay as they ended.
	LateCryptoAmount    money.Amount
	LateTransactionHash string

	Deposit       *Deposit      // where the payer sends the crypto of a sale; nil: the gateway's own page tells
	Discrepancies []Discrepancy // of what was paid from what was ordered
	Routing       *Routing      // why this gateway; nil: the order names it, or the project has one default

	PriorStatus SessionStatus
	Version     int64
}

// Paid is what a gateway says was really bought or sold, in our terms; a member that it doesn't tell is unset. The wallet is
// the one that the crypto went to or came from. FiatAmount is only told where it is the same figure as Order.FiatAmount: with
// the same fees inside.
type Paid struct {
	FiatAmount     money.Amount
	FiatCurrency   string
	CryptoCurrency string
	Network        string
	WalletAddress  string
	WalletTag      string
}

// Legible is Paid with texts that can be stored.
func (p Paid) Legible() Paid {
	for _, text := range []*string{&p.FiatCurrency, &p.CryptoCurrency, &p.Network, &p.WalletAddress, &p.WalletTag} {
		*text = Legible(*text)
	}
	return p
}

// Deposit is where the payer must send the crypto of a sale.
type Deposit struct {
	Address string       `json:"address"`
	Tag     string       `json:"tag,omitempty"` // the memo or destination tag; empty: none
	Amount  money.Amount `json:"amount"`        // of Order.CryptoCurrency; unset: the gateway hasn't told
	Until   time.Time    `json:"until"`         // zero: the gateway hasn't told
}

// Discrepancy is a member of an order in which what was paid is not what was ordered. The order's own members stay as ordered.
type Discrepancy struct {
	Field   string `json:"field"` // a member of the order, such as fiatAmount
	Ordered string `json:"ordered"`
	Paid    string `json:"paid"`
}

// CheckoutSeconds is how long an order's checkout serves unless its gateway says otherwise (contract §2.6).
const CheckoutSeconds = 1800

// CheckoutExpiresAt is when the order's checkout URL ceases to serve.
func (o *Order) CheckoutExpiresAt() time.Time {
	return o.CreatedAt.Add(time.Duration(o.CheckoutSeconds) * time.Second)
}

// CreateOrder is the body of POST /v1/sessions/{id}/order.
type CreateOrder struct {
	Problems       Problems
	ClientSecret   *string
	FiatAmount     money.Amount
	FiatCurrency   *string
	CryptoCurrency *string
	Network        *string
	WalletAddress  *string
	WalletTag      *string
	Gateway        *string
	Email          *string
	ReturnURL      string // where the gateway sends the payer back to; empty: the session's redirectUrl
}

// Check is the part of the checks that needs no session; it folds currencies and network.
func (in *CreateOrder) Check() error {
	p := &in.Problems
	requireText(p, "clientSecret", in.ClientSecret)
	if !in.FiatAmount.IsSet() && !p.Has("fiatAmount") {
		p.Add("fiatAmount", "is required")
	}
	in.CryptoCurrency = checkRequired(p, "cryptoCurrency", in.CryptoCurrency, foldCrypto)
	in.Network = checkRequired(p, "network", in.Network, foldNetwork)
	if in.FiatCurrency != nil {
		fiat := checkForm(p, "fiatCurrency", in.FiatCurrency, foldFiat)
		in.FiatCurrency = &fiat
	}
	if in.WalletAddress != nil {
		checkText(p, "walletAddress", *in.WalletAddress, MaxAddressChars)
	}
	if in.WalletTag != nil {
		checkText(p, "walletTag", *in.WalletTag, MaxAddressChars)
	}
	if in.Gateway != nil {
		checkText(p, "gateway", *in.Gateway, MaxExternalIDChars)
	}
	if in.Email != nil && (len(*in.Email) > MaxEmailChars || !emailForm.MatchString(*in.Email)) {
		p.Add("email", "must be an e-mail address, such as name@example.com")
	}
	return p.Err()
}

func checkRequired(p *Problems, field string, value *string, fold func(string) (string, string)) *string {
	if value == nil {
		requireText(p, field, nil)
		return nil
	}
	folded := checkForm(p, field, value, fold)
	return &folded
}

// Order holds the request to the session, its values and locks, and makes the order of it, in status creating, without
// its gateway. The session must be usable.
func (in *CreateOrder) Order(call *Call, s *Session) (*Order, error) {
	p := &in.Problems
	o := &Order{
		ID: call.Seed.OrderID(call.Began), ProjectID: s.ProjectID, SessionID: s.ID, Type: s.Type.OrderType(),
		Status: OrderCreating, FiatAmount: in.FiatAmount, FiatCurrency: s.SourceCurrency,
		CryptoCurrency: *in.CryptoCurrency, Network: *in.Network,
		CustomerID: s.CustomerID, ExternalCustomerID: s.ExternalCustomerID, RedirectURL: cmp.Or(in.ReturnURL, s.RedirectURL),
		Country: s.Country, Metadata: s.Metadata, CheckoutSeconds: CheckoutSeconds,
		CreatedAt: call.Began, UpdatedAt: call.Now, PriorStatus: s.Status, Version: 1,
	}
	s.checkAmount(p, "fiatAmount", in.FiatAmount)
	s.checkText(p, LockDestinationCurrency, "cryptoCurrency", o.CryptoCurrency)
	s.checkText(p, LockNetwork, "network", o.Network)
	if in.FiatCurrency != nil {
		o.FiatCurrency = *in.FiatCurrency
		s.checkText(p, LockSourceCurrency, "fiatCurrency", o.FiatCurrency)
	}
	o.WalletAddress, o.WalletTag = s.chooseWallet(p, "walletAddress", in.WalletAddress, "walletTag", in.WalletTag)
	if in.Email != nil {
		o.Email = *in.Email
	}
	if o.WalletAddress == "" && o.Type == Buy {
		p.Add("walletAddress", "is required, because the session has no destinationAddress")
	}
	if o.FiatCurrency == "" {
		p.Add("fiatCurrency", "is required, because the session has no sourceCurrency")
	} else if currency, ok := money.LookupCurrency(o.FiatCurrency); ok {
		p.AddError("fiatAmount", currency.Check(o.FiatAmount))
	}
	if !p.Has("walletAddress") && !p.Has("network") {
		_, err := checkWallet(o.Network, o.WalletAddress, call.Project.StrictAddress)
		p.AddError("walletAddress", err)
	}
	checkTag(p, "walletTag", o.Network, o.WalletAddress, o.WalletTag)
	return o, p.Err()
}

// OrderUpdate is what a gateway's notification says of an order, in our terms.
type OrderUpdate struct {
	Status          OrderStatus
	ExternalOrderID string
	CryptoAmount    money.Amount
	TransactionHash string
	FailureReason   string
	Paid            Paid
	Deposit         *Deposit // nil: unchanged
}

// Apply moves the order as the update says and returns the event to tell, if any. A late, repeated or out-of-order
// update changes nothing (contract §3). Money for an order that had failed, was cancelled or expired is recorded beside
// the order's members; it is told, and moves no status.
func (o *Order) Apply(u OrderUpdate, now time.Time) (event EventType, changed bool) {
	if u.Status == OrderCompleted && o.LatePaymentAt.IsZero() &&
		(o.Status == OrderFailed || o.Status == OrderCancelled || o.Status == OrderExpired) {
		o.LatePaymentAt, o.LateCryptoAmount, o.LateTransactionHash = now, u.CryptoAmount, u.TransactionHash
		o.Discrepancies = o.compare(&u.Paid)
		return EventLatePayment, true
	}
	// A payer may try at the gateway more than once, and the end of an earlier try is not the order's.
	earlier := u.ExternalOrderID != "" && o.ExternalOrderID != "" && u.ExternalOrderID != o.ExternalOrderID
	if earlier && (u.Status == OrderFailed || u.Status == OrderCancelled || u.Status == OrderExpired) {
		return "", false
	}
	// Nor is it a refund of the order that another try than the one that paid it was given back.
	if earlier && u.Status == OrderRefunded && (o.Status == OrderProcessing || o.Status == OrderCompleted) {
		return "", false
	}
	// Money that came late may be given back.
	lateRefund := u.Status == OrderRefunded && !o.LatePaymentAt.IsZero() && o.Status != OrderRefunded
	if !lateRefund && !o.Status.CanBecome(u.Status) {
		return "", (!earlier || !o.AwaitsDeposit(now)) && o.takeDeposit(&u, now)
	}
	info, _ := u.Status.Info()
	o.Status, o.UpdatedAt = u.Status, now
	o.Take(u)
	if u.FailureReason != "" || u.Status == OrderCompleted && len(o.Discrepancies) > 0 { // what it was held for is settled
		o.FailureReason = u.FailureReason
	}
	if u.Status == OrderCompleted {
		o.CompletedAt = now
		o.Discrepancies = o.compare(&u.Paid)
	}
	o.takeDeposit(&u, now)
	return info.Event, true
}

// takeDeposit takes up where the payer must send the crypto, as long as that is to be done, and tells whether that is news. One
// for other crypto than was ordered is not told to the payer.
func (o *Order) takeDeposit(u *OrderUpdate, now time.Time) bool {
	waits := o.Status == OrderCreated || o.Status == OrderPending
	other := u.Paid.CryptoCurrency != "" && u.Paid.CryptoCurrency != o.CryptoCurrency || u.Paid.Network != "" && u.Paid.Network != o.Network
	if u.Deposit == nil || !waits || other || o.Deposit != nil && o.Deposit.same(u.Deposit) {
		return false
	}
	if o.UpdatedAt, o.Deposit = now, u.Deposit; u.ExternalOrderID != "" {
		o.ExternalOrderID = u.ExternalOrderID
	}
	return true
}

// AwaitsDeposit tells whether the payer is to send the crypto of a sale: a second sale would be one too many.
func (o *Order) AwaitsDeposit(now time.Time) bool {
	return o.Deposit != nil && (o.Deposit.Until.IsZero() || now.Before(o.Deposit.Until))
}

func (d *Deposit) same(other *Deposit) bool {
	return d.Address == other.Address && d.Tag == other.Tag && d.Amount.Equal(other.Amount) && d.Until.Equal(other.Until)
}

// Hold is Apply for an order that its gateway has completed with less or other than the session's locks allow: it is not completed,
// which would tell the partner that all is well, but stays in processing, with what is wrong, for people to settle.
func (o *Order) Hold(u OrderUpdate, now time.Time) (event EventType, changed bool) {
	list := o.compare(&u.Paid)
	if !o.Status.CanBecome(OrderProcessing) && o.Status != OrderProcessing || slices.Equal(o.Discrepancies, list) {
		return "", false
	}
	o.Status, o.UpdatedAt, o.Discrepancies = OrderProcessing, now, list
	o.Take(u)
	o.FailureReason = "The gateway has completed what was not ordered:"
	for i, d := range list {
		if i > 0 {
			o.FailureReason += ","
		}
		o.FailureReason += " " + d.Field + " is " + d.Paid + " in place of " + d.Ordered
	}
	return EventProcessing, true
}

// Recall adds to what was paid what an order that is held was told before: an update that says nothing of what was wrong does not
// put it right.
func (o *Order) Recall(paid Paid) Paid {
	if o.Status != OrderProcessing {
		return paid
	}
	for _, d := range o.Discrepancies {
		switch d.Field {
		case "fiatAmount":
			if was, err := money.Parse(d.Paid); err == nil && !paid.FiatAmount.IsSet() {
				paid.FiatAmount = was
			}
		case "fiatCurrency":
			paid.FiatCurrency = cmp.Or(paid.FiatCurrency, d.Paid)
		case "cryptoCurrency":
			paid.CryptoCurrency = cmp.Or(paid.CryptoCurrency, d.Paid)
		case "network":
			paid.Network = cmp.Or(paid.Network, d.Paid)
		case "walletAddress":
			paid.WalletAddress = cmp.Or(paid.WalletAddress, d.Paid)
		case "walletTag":
			paid.WalletTag = cmp.Or(paid.WalletTag, d.Paid)
		}
	}
	return paid
}

// Forbids tells whether what was paid is less or other than the session's locks allow. More than was asked for is no harm, nor is it
// that a sale brings less, which moves with the rate until the crypto has come.
func (s *Session) Forbids(o *Order, paid *Paid) bool {
	locks := &s.FieldLocks
	for _, d := range o.compare(paid) {
		switch d.Field {
		case "fiatAmount":
			lock, least := locks[LockSourceAmount], o.FiatAmount
			if lock.Ranged() { // which holds whether or not it is locked, as for an order
				least = lock.Min
			}
			if o.Type == Buy && (lock.Locked || lock.Ranged()) && short(paid.FiatAmount, least, o.FiatCurrency) {
				return true
			}
		case "fiatCurrency":
			amount := locks[LockSourceAmount] // which is one of the order's currency
			if locks[LockSourceCurrency].Locked || o.Type == Buy && (amount.Locked || amount.Ranged()) {
				return true
			}
		case "cryptoCurrency":
			if locks[LockDestinationCurrency].Locked {
				return true
			}
		case "network":
			if locks[LockNetwork].Locked {
				return true
			}
		default:
			if locks[LockDestinationAddress].Locked {
				return true
			}
		}
	}
	return false
}

// short tells whether the amount is less than the least by more than one minor unit of the currency, which a gateway's rounding of
// amount and fees may cost.
func short(amount, least money.Amount, currency string) bool {
	c, _ := money.LookupCurrency(currency)
	return amount.Decimal().Add(decimal.New(1, -int32(c.MinorUnits))).LessThan(least.Decimal())
}

// compare lists where what was paid is not what was ordered. A seller may send from any wallet.
func (o *Order) compare(paid *Paid) []Discrepancy {
	var list []Discrepancy
	add := func(field, ordered, told string, same bool) {
		if told != "" && !same {
			list = append(list, Discrepancy{field, ordered, told})
		}
	}
	told := o.ForGateway()
	add("fiatAmount", o.FiatAmount.String(), paid.FiatAmount.String(), o.FiatAmount.Equal(paid.FiatAmount))
	add("fiatCurrency", o.FiatCurrency, paid.FiatCurrency, strings.EqualFold(o.FiatCurrency, paid.FiatCurrency))
	add("cryptoCurrency", o.CryptoCurrency, paid.CryptoCurrency, strings.EqualFold(o.CryptoCurrency, paid.CryptoCurrency))
	add("network", o.Network, paid.Network, strings.EqualFold(o.Network, paid.Network))
	if o.Type == Buy {
		address, tag := asset.SplitTag(o.Network, paid.WalletAddress)
		tag = cmp.Or(tag, paid.WalletTag)
		add("walletAddress", told.WalletAddress, address, asset.SameWallet(o.Network, told.WalletAddress, address))
		add("walletTag", told.WalletTag, tag, told.WalletTag == tag)
	}
	return list
}

// Take takes up what the update tells besides the status.
func (o *Order) Take(u OrderUpdate) {
	if u.ExternalOrderID != "" {
		o.ExternalOrderID = u.ExternalOrderID
	}
	if u.CryptoAmount.IsSet() {
		o.CryptoAmount = u.CryptoAmount
	}
	if u.TransactionHash != "" {
		o.TransactionHash = u.TransactionHash
	}
}

// Follow moves the session with its order and tells whether it changed (contract §2.9).
func (s *Session) Follow(order OrderStatus, now time.Time) bool {
	info, ok := order.Info()
	if !ok || info.Session == "" || !s.Status.CanBecome(info.Session) || s.Status != SessionProcessing {
		return false
	}
	s.Status, s.UpdatedAt = info.Session, now
	return true
}
