package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// echoFlag, alone, makes this program the echo server.
const echoFlag = "-echo-server"

// echoRequest and echoAnswer are what a session costs in JSON, and nothing else.
type echoRequest struct {
	ExternalCustomerID  string            `json:"externalCustomerId"`
	SourceAmount        string            `json:"sourceAmount"`
	SourceCurrency      string            `json:"sourceCurrency"`
	DestinationCurrency string            `json:"destinationCurrency"`
	Network             string            `json:"network"`
	DestinationAddress  string            `json:"destinationAddress"`
	RedirectURL         string            `json:"redirectUrl"`
	Country             string            `json:"country"`
	Metadata            map[string]string `json:"metadata"`
}

type echoAnswer struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Attributes echoAttributes `json:"attributes"`
}

type echoAttributes struct {
	SessionID    string `json:"sessionId"`
	ProjectID    string `json:"projectId"`
	ClientSecret string `json:"clientSecret"`
	Type         string `json:"type"`
	Status       string `json:"status"`
	CustomerID   string `json:"customerId"`
	echoRequest
	FieldLocks  [5]echoLock `json:"fieldLocks"`
	ExpiresAt   string      `json:"expiresAt"`
	CreatedAt   string      `json:"createdAt"`
	OrderID     *string     `json:"orderId"`
	Warnings    []string    `json:"warnings"`
	CheckoutURL string      `json:"checkoutUrl"`
}

type echoLock struct {
	Locked bool   `json:"locked"`
	Name   string `json:"name"`
}

// serveEcho is the ceiling: net/http and encoding/json alone. It prints its URL and serves until its input ends.
func serveEcho(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "{\"url\":\"http://%s\"}\n", l.Addr()); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = l.Close()
	}()
	err = http.Serve(l, http.HandlerFunc(echo))
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func echo(w http.ResponseWriter, r *http.Request) {
	var in echoRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	const id, secret = "sess_0sge1g58qxnm6tkazza4n6qrs6e0czv08ns4c", "sess_secret_1o-h4oPczN0x0Xx3hTwaoFnIdVjbFCtNOLTJ3-_oWS4"
	lock := echoLock{true, "destinationAddress"}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(echoAnswer{"session", id, echoAttributes{
		SessionID: id, ProjectID: "89f7b548-dba2-4792-8b62-5d5e93fe27cf", ClientSecret: secret, Type: "onramp", Status: "pending",
		CustomerID: "d68cc50d-b9fe-475d-961a-aecd4e1fdf75", echoRequest: in, FieldLocks: [5]echoLock{lock, lock, lock, lock, lock},
		ExpiresAt: "2026-01-01T00:30:00Z", CreatedAt: "2026-01-01T00:00:00Z", Warnings: []string{},
		CheckoutURL: "http://127.0.0.1:8080/checkout/" + id + "#" + secret,
	}})
}
