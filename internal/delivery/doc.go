// Package delivery holds the running server to what contract §4 and §5 promise a partner's backend: which events come, that
// they come whatever fails or dies, who may read and change what, and that their sender can be told from a forger.
//
// It has tests only, and sees of the server what a partner sees: its API, and what arrives at a receiver that was written
// from the contract's text. Schedules of hours and days are tested elsewhere, on a clock of their own. Invariant: no message
// counts as received before both of its signatures were verified.
package delivery
