package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const (
	maxBody      = 1 << 20 // bytes
	maxRedirects = 3
)

var (
	errTooLarge = errors.New("the response is larger than 1 MiB")
	errRedirect = errors.New("the server redirects to another host or scheme, or too often")
)

// newClient makes a client that keeps no connection: fetches are minutes apart.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}}
}

// sameHostOnly returns a copy of client that follows no redirect to another host or
// scheme: the host of a redirect could publish keys of its own.
func sameHostOnly(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || len(via) > maxRedirects {
			return errRedirect
		}
		return nil
	}
	return &c
}

// fetch sends one request to the server. Its errors hold no more of the URL than
// the host.
func (k *keys) fetch(ctx context.Context) (*keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := k.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the response has status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read the response: %w", err)
	}
	if len(body) > maxBody {
		return nil, errTooLarge
	}
	return parseKeys(body)
}

// withoutURL returns err without the URL, whose query may hold an API key.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
