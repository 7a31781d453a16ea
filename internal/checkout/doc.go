// Package checkout is the domain: projects, keys, callers, customers, sessions, orders, field locks, the transitions
// between states, events, error codes and limits of the wire contract.
//
// It does no input or output and never reads the clock: time, randomness and stored state are arguments. What it knows
// of HTTP, SQL and gateways is nothing.
//
// Invariant: a Session or Order that its functions return obeys the contract; a status only moves along the transition
// tables of this package.
package checkout
