package upstream

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// credential is a key, and cuts it out of texts.
type credential struct {
	key   string
	clean *strings.Replacer
}

// shortestSecret is the length in bytes from which a key is cut out of texts. A
// shorter key is a test's, not a provider's; to cut "test" or "k" out of every
// message would only garble the messages.
const shortestSecret = 8

// newCredential prepares for the ways in which a server may echo a key: plain,
// escaped in a URL, in base64.
func newCredential(key string) *credential {
	c := &credential{key: key, clean: strings.NewReplacer()}
	if len(key) < shortestSecret {
		return c
	}
	const redacted = "[redacted]"
	c.clean = strings.NewReplacer(
		key, redacted,
		url.QueryEscape(key), redacted,
		url.PathEscape(key), redacted,
		base64.StdEncoding.EncodeToString([]byte(key)), redacted,
	)
	return c
}

func (c *credential) scrub(text string) string { return c.clean.Replace(text) }
