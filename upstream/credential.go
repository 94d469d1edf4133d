package upstream

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// credential is a key and the means to cut it out of a text.
type credential struct {
	key   string
	clean *strings.Replacer
}

// shortestSecret is the length in bytes from which a key is cut out of texts. A
// shorter one is no provider's but somebody's for a test; to cut "test" or "k"
// out of every message would only garble it.
const shortestSecret = 8

// newCredential prepares for the ways in which a server echoes a key: as it is,
// escaped in a URL, in base64.
func newCredential(key string) *credential {
	c := &credential{key: key, clean: strings.NewReplacer()}
	if len(key) < shortestSecret {
		return c
	}
	const gone = "[redacted]"
	c.clean = strings.NewReplacer(
		key, gone,
		url.QueryEscape(key), gone,
		url.PathEscape(key), gone,
		base64.StdEncoding.EncodeToString([]byte(key)), gone,
	)
	return c
}

func (c *credential) scrub(text string) string { return c.clean.Replace(text) }
