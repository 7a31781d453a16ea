// Package durability kills, stops and races the real server, and holds it to what it has acknowledged: nothing acknowledged
// is lost, an order is made once, histories of the running server are linearizable, and no secret lies in a database or a
// log in the clear.
//
// It has tests only, and does not repeat the single rules of the contract, which are package contract's. Invariant: the
// expectations come from answers that a client has got, never from the server's own database; that is read to count rows and
// events.
package durability
