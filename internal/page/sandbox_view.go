package page

import (
	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
)

// view is what sandbox.html shows.
type view struct {
	page
	Text string
	Mark string // the colour of the state: "good", "bad" or "" while it is open
	Rows []row
	Form *form  // nil: there is nothing left to choose
	Back string // where to return to; empty: nowhere
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

// viewOf shows the order: what it is of and, while it is open, how it may end.
func viewOf(l *locale, o *checkout.Order, token string) view {
	v := view{page: newPage(l, sandboxStyle), Rows: rowsOf(l, o)}
	if o.Status.Final() {
		key := "sandbox_" + string(o.Status)
		v.Title, v.Text, v.Mark = l.text(key+"_title"), l.text(key+"_text"), "bad"
		if o.Status == checkout.OrderCompleted {
			v.Mark = "good"
		}
		v.Back, _ = returnURL(o)
		return v
	}
	v.Text = l.text("sandbox_text")
	title, button := "sandbox_title_buy", "sandbox_pay"
	if o.Type == checkout.Sell {
		title, button = "sandbox_title_sell", "sandbox_sell"
	}
	v.Title = l.text(title)
	v.Form = &form{Action: pagePath(o), Token: token, Pay: l.text(button, "amount", o.FiatAmount.String()+" "+o.FiatCurrency)}
	return v
}

func rowsOf(l *locale, o *checkout.Order) []row {
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
	crypto, fiat := "sandbox_you_buy", "sandbox_you_pay"
	if o.Type == checkout.Sell {
		crypto, fiat = "sandbox_you_sell", "sandbox_you_get"
	}
	rows := []row{
		{Name: l.text(crypto), Value: coin},
		{Name: l.text(fiat), Value: o.FiatAmount.String() + " " + o.FiatCurrency},
		{Name: l.text("sandbox_network"), Value: network},
	}
	if o.WalletAddress != "" {
		rows = append(rows, row{Name: l.text("sandbox_wallet"), Groups: group(o.WalletAddress)})
	}
	return append(rows, row{Name: l.text("sandbox_order"), Value: string(o.ID)})
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
