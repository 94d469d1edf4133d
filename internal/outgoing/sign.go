package outgoing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Secret is the key of signatures.
type Secret []byte

// secretPrefix begins the text of a secret, as the scheme has it.
const secretPrefix = "whsec_"

// NewSecret reads a secret: whsec_ and 24 to 64 bytes in base64. Its errors do not show
// the text.
func NewSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return nil, errors.New("does not begin with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return nil, errors.New("is not base64 after whsec_")
	case len(key) < 24 || len(key) > 64:
		return nil, errors.New("does not have 24 to 64 bytes")
	}
	return key, nil
}

// signature returns the header webhook-signature: one signature for each secret, so that a
// receiver may change its secret while the old one is still in use. See
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func signature(secrets []Secret, id string, at time.Time, body []byte) string {
	all := make([]string, len(secrets))
	for i, s := range secrets {
		mac := hmac.New(sha256.New, s)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}
