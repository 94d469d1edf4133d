package postgres

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	downloadTimeout = 10 * time.Minute
	maxArchive      = 200 << 20 // the largest package has 55 MB
)

// install downloads a package, checks it and puts it into its folder in cache. The folder appears
// all at once, so two processes may install the same package at the same time: the first one wins.
func (f *finder) install(ctx context.Context, cache string, pin packagePin) error {
	staging, err := os.MkdirTemp(cache, ".incoming-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging)
	archive, err := os.Create(filepath.Join(staging, "package.tgz"))
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := download(ctx, pin.url(f.registry), pin.integrity, archive); err != nil {
		return fmt.Errorf("download %s: %w", pin, err)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	unpacked := filepath.Join(staging, "package")
	if err := unpack(archive, unpacked); err != nil {
		return fmt.Errorf("unpack %s: %w", pin, err)
	}
	return moveInto(unpacked, pin.dir(cache))
}

// moveInto renames dir to target, unless another process has made the same target meanwhile.
func moveInto(dir, target string) error {
	err := os.Rename(dir, target)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// download writes the body of url to w. A body with another checksum than integrity is an error.
func download(ctx context.Context, url, integrity string, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	transport := newTransport()
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry responds with %s", resp.Status)
	}
	hash := sha512.New()
	n, err := io.Copy(io.MultiWriter(w, hash), io.LimitReader(resp.Body, maxArchive))
	if err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != integrity {
		return fmt.Errorf("%d bytes with integrity %s, want %s: this is another file, it is not used", n, got, integrity)
	}
	return nil
}

// newTransport gives up early on a network that does not answer; it obeys HTTPS_PROXY.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ForceAttemptHTTP2:     true,
	}
}
