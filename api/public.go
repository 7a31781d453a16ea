package api

// Public is the envelope of the answers to the routes without a key (contract §6). Success is true; failures have the
// envelope of all others, [ErrorEnvelope].
type Public[T any] struct {
	Success bool `json:"success"`
	Data    T    `json:"data"`
}

// Supported is what a project's payers can choose from: what its gateways serve, taken together. No list is ever nil on the
// wire.
type Supported struct {
	Gateways       []SupportedGateway `json:"gateways"`
	Fiats          []SupportedFiat    `json:"fiats"`
	Cryptos        []SupportedCrypto  `json:"cryptos"`
	PaymentMethods []PaymentMethod    `json:"paymentMethods"`
	// DefaultGateway takes the orders that name no gateway; nil if none does.
	DefaultGateway *string `json:"defaultGateway"`
}

// SupportedGateway is a gateway of the project. It is enabled if it serves orders of the type and country asked about.
type SupportedGateway struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Logo     *string         `json:"logo"`
	Enabled  bool            `json:"enabled"`
	Features GatewayFeatures `json:"features"`
}

// GatewayFeatures is what a gateway can do.
type GatewayFeatures struct {
	SupportsIframe       bool `json:"supportsIframe"`
	SupportsWidget       bool `json:"supportsWidget"`
	SupportsBuy          bool `json:"supportsBuy"`
	SupportsSell         bool `json:"supportsSell"`
	SupportsRecurring    bool `json:"supportsRecurring"`
	KYCHandledByProvider bool `json:"kycHandledByProvider"`
}

// SupportedFiat is a fiat currency and the widest limits of an order's fiat amount at any gateway; nil is no limit.
type SupportedFiat struct {
	Code           string   `json:"code"`
	Name           string   `json:"name"`
	Symbol         string   `json:"symbol"`
	MinorUnits     int      `json:"minorUnits"`
	MinAmount      *string  `json:"minAmount"`
	MaxAmount      *string  `json:"maxAmount"`
	PaymentMethods []string `json:"paymentMethods"`
}

// SupportedCrypto is a crypto currency and its networks.
type SupportedCrypto struct {
	Code     string             `json:"code"`
	Name     string             `json:"name"`
	Networks []SupportedNetwork `json:"networks"`
}

// SupportedNetwork is a network of a crypto currency and the widest limits of an order's crypto amount on it at any
// gateway; nil is no limit. Exactly one network of each crypto currency is its default. TagName is what people call the memo or
// tag that may stand beside an address on it; nil: there is none.
type SupportedNetwork struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	MinAmount *string `json:"minAmount"`
	MaxAmount *string `json:"maxAmount"`
	IsDefault bool    `json:"isDefault"`
	TagName   *string `json:"tagName"`
}

// PaymentMethod is a way to pay, or to be paid.
type PaymentMethod struct {
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	SupportedFiats []string `json:"supportedFiats"`
}

// Quotes are the gateways' prices, the best first, and the gateways that gave none. Neither is ever nil on the wire.
type Quotes struct {
	Quotes []Quote      `json:"quotes"`
	Errors []QuoteError `json:"errors"`
}

// Quote is one gateway's price. Amounts, rate and fees are decimal strings.
type Quote struct {
	Gateway        string    `json:"gateway"`
	GatewayName    string    `json:"gatewayName"`
	PaymentMethod  string    `json:"paymentMethod"`
	FiatAmount     string    `json:"fiatAmount"`
	FiatCurrency   string    `json:"fiatCurrency"`
	CryptoAmount   string    `json:"cryptoAmount"`
	CryptoCurrency string    `json:"cryptoCurrency"`
	Network        string    `json:"network"`
	Rate           string    `json:"rate"`
	Fees           QuoteFees `json:"fees"`
	// IsBestRate marks the first quote, and no other.
	IsBestRate bool `json:"isBestRate"`
	// ExpiresAt is RFC 3339 in UTC, in whole seconds.
	ExpiresAt string `json:"expiresAt"`
}

// QuoteFees are what a quote costs. Items is never nil on the wire.
type QuoteFees struct {
	Currency string     `json:"currency"`
	Total    string     `json:"total"`
	Items    []QuoteFee `json:"items"`
}

// QuoteFee is one part of the fees: of the "gateway", the "network" or the "partner".
type QuoteFee struct {
	Type   string `json:"type"`
	Amount string `json:"amount"`
}

// QuoteError is a gateway that gave no price. Code is an error code of the document.
type QuoteError struct {
	Gateway string `json:"gateway"`
	Code    string `json:"code"`
	Message string `json:"message"`
	// Eligible says that the gateway may take the order all the same: it tells its price at its own page.
	Eligible bool `json:"eligible"`
}

// Transaction is an order for polling, without anything that says whose it is.
type Transaction struct {
	OrderID         string  `json:"orderId"`
	SessionID       string  `json:"sessionId"`
	Type            string  `json:"type"`
	Status          string  `json:"status"`
	Gateway         string  `json:"gateway"`
	FiatAmount      string  `json:"fiatAmount"`
	FiatCurrency    string  `json:"fiatCurrency"`
	CryptoCurrency  string  `json:"cryptoCurrency"`
	CryptoAmount    *string `json:"cryptoAmount"`
	Network         string  `json:"network"`
	TransactionHash *string `json:"transactionHash"`
	CreatedAt       string  `json:"createdAt"`
	UpdatedAt       string  `json:"updatedAt"`
	CompletedAt     *string `json:"completedAt"`
}
