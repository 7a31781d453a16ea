package checkout

import (
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/money"
)

// SessionType tells buying crypto (onramp) from selling it (offramp).
type SessionType string

// The types of a session.
const (
	Onramp  SessionType = "onramp"
	Offramp SessionType = "offramp"
)

// CountrySource says where a session's country comes from.
type CountrySource string

// A country that was given never changes; one looked up from the backend's address is looked up anew from the payer's
// on the payer's first call (contract §2.1).
const (
	CountryGiven       CountrySource = "given"
	CountryFromBackend CountrySource = "backend"
	CountryFromPayer   CountrySource = "payer"
)

// Warning is a doubt about an accepted member.
type Warning struct {
	Code    string
	Field   string
	Message string
}

// WarningAddressChecksum marks an EVM address in mixed case whose EIP-55 checksum is wrong (contract §2.3).
const WarningAddressChecksum = "ADDRESS_CHECKSUM"

// Session is one checkout. Status is the stored status; readers use StatusAt.
type Session struct {
	ID                  SessionID
	ProjectID           ProjectID
	CustomerID          CustomerID
	ExternalCustomerID  string
	Type                SessionType
	Status              SessionStatus
	SourceAmount        money.Amount
	SourceCurrency      string
	DestinationCurrency string
	Network             string
	DestinationAddress  string
	DestinationTag      string // the memo or destination tag that belongs to DestinationAddress, locked with it; empty: none
	RedirectURL         string
	Country             string // empty: unknown
	CountrySource       CountrySource
	Metadata            []byte // compact JSON object; nil: none
	FieldLocks          FieldLocks
	Warnings            []Warning
	ExpiresAt           time.Time
	CreatedAt           time.Time
	UpdatedAt           time.Time
	OrderID             OrderID // empty until the order is made
	SecretKeyID         string  // the master key that clientSecret derives from
	Version             int64   // counts the changes; every change is a compare-and-swap on it
}

// StatusAt is the session's status at the time given: an open session past its time is expired from that instant on,
// whatever has been recorded (contract §2.4).
func (s *Session) StatusAt(now time.Time) SessionStatus {
	if s.Status.Open() && !now.Before(s.ExpiresAt) {
		return SessionExpired
	}
	return s.Status
}

// Usable is nil where the session can still be confirmed or ordered from (contract §2.9).
func (s *Session) Usable(now time.Time) error {
	status := s.StatusAt(now)
	switch {
	case s.OrderID != "" || status == SessionProcessing || status == SessionCompleted:
		return Fail(CodeSessionAlreadyUsed, "The session already has its order; create a new session for another purchase.")
	case status == SessionExpired:
		return Fail(CodeSessionExpired, "The session expired at "+s.ExpiresAt.UTC().Format(time.RFC3339)+"; create a new one.")
	case status == SessionCancelled:
		return Fail(CodeSessionCancelled, "The session was cancelled; create a new one.")
	}
	return nil
}

// CreateSession is the body of POST /v1/sessions. Problems holds what the decoder found; text members are nil when
// absent.
type CreateSession struct {
	Problems            Problems
	ExternalCustomerID  *string
	CustomerID          *string
	Type                *string
	SourceAmount        money.Amount
	SourceCurrency      *string
	DestinationCurrency *string
	Network             *string
	DestinationAddress  *string
	DestinationTag      *string
	RedirectURL         *string
	Country             *string
	ExpiresInSeconds    *int64
	Metadata            []byte // compact JSON object; nil: absent
	FieldLocks          []LockInput
}

var (
	cryptoForm  = regexp.MustCompile(`^[A-Za-z0-9.]{1,20}$`)
	networkForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)
	fiatForm    = regexp.MustCompile(`^[A-Za-z]{3}$`)
	emailForm   = regexp.MustCompile(`^[^\x00-\x20\x7f\s@<>"(),:;\\]+@[^\x00-\x20\x7f\s@<>"(),:;\\.]+(\.[^\x00-\x20\x7f\s@<>"(),:;\\.]+)+$`)
)

// Session checks the request and makes the session of it, pending, without its customer, country lookup and secret
// key, which the caller fills in. The error lists every failing member.
func (in *CreateSession) Session(call *Call) (*Session, error) {
	p := &in.Problems
	s := &Session{
		ID: call.Seed.SessionID(call.Began), ProjectID: call.Project.ID, Type: Onramp, Status: SessionPending,
		CreatedAt: call.Began, UpdatedAt: call.Began, Version: 1, Metadata: in.Metadata, SourceAmount: in.SourceAmount,
	}
	in.checkCustomer(p, s)
	if in.Type != nil {
		s.Type = SessionType(*in.Type)
		if s.Type != Onramp && s.Type != Offramp {
			p.Add("type", `must be "onramp" or "offramp"`)
		}
	}
	in.checkAsset(p, s)
	s.RedirectURL = checkRedirectURL(p, in.RedirectURL, call.Project.Mode)
	if in.Country != nil {
		alpha2, ok := LookupCountry(*in.Country)
		if !ok {
			p.Add("country", "must be an ISO 3166-1 alpha-2 code, such as DE")
		}
		s.Country, s.CountrySource = alpha2, CountryGiven
	}
	ttlSeconds := int64(DefaultExpiresSeconds)
	if in.ExpiresInSeconds != nil {
		ttlSeconds = *in.ExpiresInSeconds
		if ttlSeconds < 1 || ttlSeconds > MaxExpiresInSeconds {
			p.Add("expiresInSeconds", "must be an integer from 1 to 86400")
		}
	}
	s.ExpiresAt = call.Began.Add(time.Duration(ttlSeconds) * time.Second)
	s.checkAddress(p, "destinationAddress", call.Project.StrictAddress)
	checkTag(p, "destinationTag", s.Network, s.DestinationAddress, s.DestinationTag)
	s.FieldLocks = effectiveLocks(p, given{
		text: [lockables]string{
			LockDestinationAddress: s.DestinationAddress, LockNetwork: s.Network,
			LockDestinationCurrency: s.DestinationCurrency, LockSourceCurrency: s.SourceCurrency,
		},
		amount: s.SourceAmount,
	}, in.FieldLocks)
	in.checkLockScale(p, s)
	return s, p.Err()
}

func (in *CreateSession) checkCustomer(p *Problems, s *Session) {
	if in.ExternalCustomerID == nil && in.CustomerID == nil && !p.Has("externalCustomerId") && !p.Has("customerId") {
		p.Add("externalCustomerId", "is required, unless customerId is given")
	}
	if in.ExternalCustomerID != nil {
		s.ExternalCustomerID = *in.ExternalCustomerID
		checkText(p, "externalCustomerId", s.ExternalCustomerID, MaxExternalIDChars)
	}
	if in.CustomerID != nil {
		id, ok := ParseUUID(*in.CustomerID)
		if !ok {
			p.Add("customerId", "must be a UUID")
		}
		s.CustomerID = CustomerID(id)
	}
}

// checkAsset checks and folds currencies, network, address and the amount's decimal places.
func (in *CreateSession) checkAsset(p *Problems, s *Session) {
	if in.SourceCurrency != nil {
		currency, ok := money.LookupCurrency(*in.SourceCurrency)
		if !ok {
			p.Add("sourceCurrency", "must be an ISO 4217 currency code, such as USD")
		} else {
			s.SourceCurrency = currency.Code
			if s.SourceAmount.IsSet() {
				p.AddError("sourceAmount", currency.Check(s.SourceAmount))
			}
		}
	}
	s.DestinationCurrency = checkForm(p, "destinationCurrency", in.DestinationCurrency, foldCrypto)
	s.Network = checkForm(p, "network", in.Network, foldNetwork)
	if in.DestinationAddress != nil {
		s.DestinationAddress = *in.DestinationAddress
		checkText(p, "destinationAddress", s.DestinationAddress, MaxAddressChars)
	}
	if in.DestinationTag != nil {
		s.DestinationTag = *in.DestinationTag
		checkText(p, "destinationTag", s.DestinationTag, MaxAddressChars)
		if in.DestinationAddress == nil {
			p.Add("destinationTag", "belongs to destinationAddress, which is not given")
		}
	}
}

// checkLockScale holds the range of sourceAmount to the currency's decimal places too.
func (in *CreateSession) checkLockScale(p *Problems, s *Session) {
	currency, ok := money.LookupCurrency(s.SourceCurrency)
	if !ok {
		return
	}
	lock := s.FieldLocks[LockSourceAmount]
	if lock.Min.IsSet() {
		p.AddError("fieldLocks.sourceAmount.min", currency.Check(lock.Min))
	}
	if lock.Max.IsSet() {
		p.AddError("fieldLocks.sourceAmount.max", currency.Check(lock.Max))
	}
}

// checkAddress holds the session's address to the form of its network, where the catalogue knows the network
// (contract §2.3). The field is the member that the request gave.
func (s *Session) checkAddress(p *Problems, field string, strict bool) {
	s.Warnings = nil
	warned, err := checkWallet(s.Network, s.DestinationAddress, strict)
	if err != nil && !p.Has(field) {
		p.Add(field, err.Error())
	}
	if warned {
		s.Warnings = []Warning{{
			WarningAddressChecksum, "destinationAddress",
			"The address is in mixed case, but its EIP-55 checksum is wrong. It should read " + asset.ChecksumEVM(s.DestinationAddress) + "; compare it with the wallet.",
		}}
	}
}

type addressError string

func (e addressError) Error() string { return string(e) }

// WalletQuestion checks a payer's question about an address and the tag beside it, which may be nil, and folds its network.
// Neither is judged.
func WalletQuestion(p *Problems, network, address, tag *string) (string, string, error) {
	folded := checkRequired(p, "network", network, foldNetwork)
	if address == nil {
		requireText(p, "address", nil)
	} else {
		checkText(p, "address", *address, MaxAddressChars)
	}
	if tag != nil {
		checkText(p, "tag", *tag, MaxAddressChars)
	}
	if err := p.Err(); err != nil {
		return "", "", err
	}
	return *folded, *address, nil
}

func checkWallet(network, address string, strict bool) (warned bool, err error) {
	if network == "" || address == "" {
		return false, nil
	}
	known, ok := asset.LookupNetwork(network)
	if !ok {
		return false, nil
	}
	result, err := known.CheckAddress(address)
	if err != nil {
		return false, err
	}
	if result.ChecksumMismatch && strict {
		return false, addressError("has a wrong EIP-55 checksum; it should read " + asset.ChecksumEVM(address))
	}
	return result.ChecksumMismatch, nil
}

func foldCrypto(v string) (string, string) {
	if !cryptoForm.MatchString(v) {
		return "", "must be a currency code of 1 to 20 letters, digits or dots, such as ETH"
	}
	return strings.ToUpper(v), ""
}

func foldNetwork(v string) (string, string) {
	if !networkForm.MatchString(v) {
		return "", "must be a network id of 1 to 40 letters, digits or hyphens, such as ethereum"
	}
	return strings.ToLower(v), ""
}

func foldFiat(v string) (string, string) {
	if !fiatForm.MatchString(v) {
		return "", "must be an ISO 4217 currency code, such as USD"
	}
	return strings.ToUpper(v), ""
}

// checkForm folds the member's value, or notes why it can't be.
func checkForm(p *Problems, field string, value *string, fold func(string) (folded, problem string)) string {
	if value == nil {
		return ""
	}
	folded, problem := fold(*value)
	if problem != "" {
		p.Add(field, problem)
	}
	return folded
}

func checkText(p *Problems, field, value string, maxChars int) {
	n := utf8.RuneCountInString(value)
	switch {
	case n == 0:
		p.Add(field, "must not be empty")
	case n > maxChars:
		p.Add(field, "must have at most 255 characters")
	case !Storable(value):
		p.Add(field, "must not contain a NUL character")
	}
}

func checkRedirectURL(p *Problems, value *string, mode Mode) string {
	if value == nil {
		return ""
	}
	if utf8.RuneCountInString(*value) > MaxRedirectURLChars {
		p.Add("redirectUrl", "must have at most 2048 characters")
		return ""
	}
	u, err := url.Parse(*value)
	if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.ContainsAny(*value, " \x00") {
		p.Add("redirectUrl", "must be an absolute http or https URL")
		return ""
	}
	if mode == ModeLive && u.Scheme != "https" && !loopbackHost(u.Hostname()) {
		p.Add("redirectUrl", "must be an https URL in a live project")
	}
	return *value
}

func loopbackHost(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasSuffix(host, ".localhost") || loopback4.MatchString(host)
}

var loopback4 = regexp.MustCompile(`^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$`)
