// Package journey goes the payer's ways through the hosted checkout page and the sandbox's payment page, with a real browser on a
// running server: whole purchases and sales, every state that the page has, every language, phone and desktop, and what may go
// wrong on the way.
//
// It has tests only, and sees what a payer, a partner's shop and an attacker see: pages, addresses, requests. It is written from
// what the page promises, not from how it is made. Invariant: a page that breaks its own Content-Security-Policy or has an
// error on its console fails whatever test opened it.
package journey
