package api

// HostedCheckout is a session as the hosted page shows it. Read with the token of the return page, Access is "status" and what
// only the payer should see is nil or empty.
type HostedCheckout struct {
	SessionID      string  `json:"sessionId"`
	ProjectID      string  `json:"projectId"`
	Mode           string  `json:"mode"`
	Type           string  `json:"type"`
	Status         string  `json:"status"`
	Access         string  `json:"access"`
	SourceAmount   *string `json:"sourceAmount"`
	SourceCurrency *string `json:"sourceCurrency"`
	// MinorUnits is how many decimal places an amount in SourceCurrency may have (ISO 4217).
	MinorUnits         *int                 `json:"minorUnits"`
	Destination        *string              `json:"destinationCurrency"`
	CryptoName         *string              `json:"cryptoName"`
	Network            *string              `json:"network"`
	NetworkName        *string              `json:"networkName"`
	TagName            *string              `json:"tagName"`
	DestinationAddress *string              `json:"destinationAddress"`
	DestinationTag     *string              `json:"destinationTag"`
	Country            *string              `json:"country"`
	FieldLocks         map[string]FieldLock `json:"fieldLocks"`
	Warnings           []Warning            `json:"warnings"`
	RedirectURL        *string              `json:"redirectUrl"`
	// Routed says that an order that names no gateway is routed by the server.
	Routed bool `json:"routed"`
	// PartnerOrigins may show the page in a frame.
	PartnerOrigins []string     `json:"partnerOrigins"`
	ExpiresAt      string       `json:"expiresAt"`
	CreatedAt      string       `json:"createdAt"`
	Now            string       `json:"now"`
	Order          *HostedOrder `json:"order"`
}

// HostedOrder is an order as the hosted page shows it.
type HostedOrder struct {
	OrderID         string         `json:"orderId"`
	Status          string         `json:"status"`
	Gateway         string         `json:"gateway"`
	GatewayName     string         `json:"gatewayName"`
	FiatAmount      string         `json:"fiatAmount"`
	FiatCurrency    string         `json:"fiatCurrency"`
	CryptoCurrency  string         `json:"cryptoCurrency"`
	CryptoAmount    *string        `json:"cryptoAmount"`
	Network         string         `json:"network"`
	NetworkName     *string        `json:"networkName"`
	WalletAddress   *string        `json:"walletAddress"`
	WalletTag       *string        `json:"walletTag"`
	Deposit         *HostedDeposit `json:"deposit"`
	TransactionHash *string        `json:"transactionHash"`
	// CheckoutURL is where the order can still be paid; nil once it can't.
	CheckoutURL       *string `json:"checkoutUrl"`
	CreatedAt         string  `json:"createdAt"`
	CheckoutExpiresAt string  `json:"checkoutExpiresAt"`
}

// HostedDeposit is where the payer must send the crypto of a sale, with the address as a QR code while that is to be done.
type HostedDeposit struct {
	Deposit
	QR *QR `json:"qr"`
}

// CheckedAddress is what there is to say about a wallet address.
type CheckedAddress struct {
	Network     string  `json:"network"`
	NetworkName *string `json:"networkName"`
	// Checked says that the form of the network's addresses is known.
	Checked bool `json:"checked"`
	Valid   bool `json:"valid"`
	// Problem is "form" or "checksum"; a valid address may have a doubtful checksum.
	Problem    *string  `json:"problem"`
	Suggestion *string  `json:"suggestion"`
	LooksLike  []string `json:"looksLike"`
	QR         *QR      `json:"qr"`
	// TagName is what people call the tag beside an address of the network, nil where there is none; AddressTag is the one that the
	// address has inside. TagValid is nil where none was asked about.
	TagName    *string `json:"tagName"`
	AddressTag *string `json:"addressTag"`
	TagValid   *bool   `json:"tagValid"`
}

// QR is a QR code: size × size modules, row by row, "1" for dark.
type QR struct {
	Size    int    `json:"size"`
	Modules string `json:"modules"`
}
