package page

import (
	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
)

// view is what sandbox.html shows.
type view struct {
	CSS   string
	Title string
	Text  string
	Mark  string // the colour of the state: "good", "bad" or "" while it is open
	Rows  []row
	Form  *form  // nil: there is nothing left to choose
	Back  string // where to return to; empty: nowhere
}

type row struct {
	Name   string
	Value  string
	Groups []string // of a wallet address, shown instead of Value
}

type form struct {
	Action string
	Token  string
	Pay    string // what the first button says
}

// states say what has become of an order that is final.
var states = map[checkout.OrderStatus]view{
	checkout.OrderCompleted: {Title: "Paid", Text: "The order is completed.", Mark: "good"},
	checkout.OrderFailed:    {Title: "Declined", Text: "The payment was declined and the order has failed.", Mark: "bad"},
	checkout.OrderCancelled: {Title: "Cancelled", Text: "The payment was cancelled.", Mark: "bad"},
	checkout.OrderExpired:   {Title: "Expired", Text: "The time to pay is over.", Mark: "bad"},
	checkout.OrderRefunded:  {Title: "Refunded", Text: "The payment was refunded.", Mark: "bad"},
}

func viewOf(o *checkout.Order, token string) view {
	if o.Status.Final() {
		v := states[o.Status]
		v.Rows = rowsOf(o)
		v.Back, _ = returnURL(o)
		return v
	}
	v := view{
		Title: "Test purchase", Text: "Choose how this payment ends.", Rows: rowsOf(o),
		Form: &form{Action: pagePath(o), Token: token, Pay: "Pay " + o.FiatAmount.String() + " " + o.FiatCurrency},
	}
	if o.Type == checkout.Sell {
		v.Title, v.Form.Pay = "Test sale", "Sell for "+o.FiatAmount.String()+" "+o.FiatCurrency
	}
	return v
}

func rowsOf(o *checkout.Order) []row {
	coin := o.CryptoCurrency
	if a, ok := asset.LookupAsset(coin); ok && a.Name != coin {
		coin = a.Name + " (" + coin + ")"
	}
	if o.CryptoAmount.IsSet() {
		coin = o.CryptoAmount.String() + " " + o.CryptoCurrency
	}
	network := o.Network
	if n, ok := asset.LookupNetwork(network); ok {
		network = n.Name
	}
	fiat := o.FiatAmount.String() + " " + o.FiatCurrency
	rows := []row{{Name: "You buy", Value: coin}, {Name: "You pay", Value: fiat}}
	if o.Type == checkout.Sell {
		rows = []row{{Name: "You sell", Value: coin}, {Name: "You get", Value: fiat}}
	}
	rows = append(rows, row{Name: "Network", Value: network})
	if o.WalletAddress != "" {
		rows = append(rows, row{Name: "Wallet", Groups: group(o.WalletAddress)})
	}
	return append(rows, row{Name: "Order", Value: string(o.ID)})
}

// groupChars is how many characters of an address are read at a time.
const groupChars = 4

func group(text string) []string {
	var groups []string
	for runes := []rune(text); len(runes) > 0; {
		n := min(groupChars, len(runes))
		groups = append(groups, string(runes[:n]))
		runes = runes[n:]
	}
	return groups
}
