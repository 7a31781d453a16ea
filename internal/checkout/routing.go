package checkout

import (
	"time"

	"github.com/sliproad/sliproad/internal/money"
)

// Routing is the record of why an order is at its gateway: who was asked, what they offered, and why the choice.
type Routing struct {
	Reason     RoutingReason `json:"reason"`
	Rule       string        `json:"rule,omitempty"` // the name of the project's rule that applied; empty: none
	RankBy     RankBy        `json:"rankBy"`
	DecidedAt  time.Time     `json:"decidedAt"`
	Candidates []Candidate   `json:"candidates"` // the chosen one first, then those that would be next, then the others
	Opened     bool          `json:"opened"`     // the payer has been sent to the gateway, so that it stays
}

// RoutingReason says why a gateway was chosen.
type RoutingReason string

// The reasons of a choice.
const (
	ReasonBestOffer   RoutingReason = "best_offer"    // the payer gets most there
	ReasonPriority    RoutingReason = "priority"      // it comes first by the rule, or by its setting priority
	ReasonOnlyOne     RoutingReason = "only_eligible" // no other could take the order
	ReasonNextInLine  RoutingReason = "next_in_line"  // those before it failed when they were to make the checkout
	ReasonLastResort  RoutingReason = "last_resort"   // it has failed lately, and no other could take the order
	ReasonWithoutRate RoutingReason = "no_offers"     // nobody told a price in time
)

// RankBy says how a rule ranks the gateways that it allows.
type RankBy string

// By price the payer gets most for the money; by order the rule's list decides.
const (
	RankByPrice RankBy = "price"
	RankByOrder RankBy = "order"
)

// Candidate is a gateway of the project when an order was routed.
type Candidate struct {
	Gateway string           `json:"gateway"`
	Outcome CandidateOutcome `json:"outcome"`
	Code    Code             `json:"code,omitempty"`    // of what kept it from being chosen
	Message string           `json:"message,omitempty"` // the same for people
	Offer   *Offer           `json:"offer,omitempty"`   // what it said that the order would come to; nil: nothing
	TookMS  int64            `json:"tookMs,omitempty"`  // how long it took to answer, in milliseconds

	Cause string `json:"-"` // of a failure, for the operator; not kept
}

// CandidateOutcome says what became of a candidate.
type CandidateOutcome string

// The outcomes of a candidate.
const (
	OutcomeChosen     CandidateOutcome = "chosen"
	OutcomeNext       CandidateOutcome = "next"       // would have been chosen after those before it
	OutcomeFailed     CandidateOutcome = "failed"     // was chosen, and made no checkout
	OutcomeIneligible CandidateOutcome = "ineligible" // does not serve the order, or may not by the project's rule
	OutcomeUnhealthy  CandidateOutcome = "unhealthy"  // has failed too often lately
)

// Offer is what a gateway said that an order would come to, all its fees included.
type Offer struct {
	FiatAmount   money.Amount `json:"fiatAmount"`   // what a buyer pays or a seller gets
	CryptoAmount money.Amount `json:"cryptoAmount"` // what a buyer gets or a seller pays
	Rate         money.Amount `json:"rate"`         // fiat for one unit of crypto, before fees
	Fees         money.Amount `json:"fees"`         // their sum, in the fiat currency
}
