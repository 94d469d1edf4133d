package outgoing

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// MaxReceivers bounds the number of receivers: each has workers of its own.
const MaxReceivers = 10

// Receiver is a server of the application's.
type Receiver struct {
	// Name has the host and a hash of the URL. It stands in the table and in the log.
	Name  string
	queue string
	url   string
}

// NewReceiver reads the URL of a receiver. Its errors do not show the URL.
func NewReceiver(raw string) (Receiver, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return Receiver{}, errors.New("cannot be parsed as a URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return Receiver{}, errors.New("is not an address like https://app.example/webhooks/tasksync")
	case u.Fragment != "":
		return Receiver{}, errors.New("has a part after #, which is never sent")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return Receiver{}, errors.New("has a port that is not between 1 and 65535")
		}
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !allowed(u.Hostname(), ip) {
		return Receiver{}, errors.New("leads to an address that nothing is sent to: link-local addresses, and those of cloud metadata services")
	}
	sum := sha256.Sum256([]byte(raw))
	hash := hex.EncodeToString(sum[:4])
	return Receiver{Name: strings.ToLower(u.Host) + "#" + hash, queue: "notify_" + hash, url: raw}, nil
}
