package archive

import (
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// below serves endpoints that are not at the root of their host, as Supabase's at
// /storage/v1/s3: the client of minio knows none. It moves each request there, and signs it
// again, because the path is a part of what is signed.
type below struct {
	path, region string
	creds        *credentials.Credentials
	next         http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b *below) RoundTrip(req *http.Request) (*http.Response, error) {
	value, err := b.creds.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
	if err != nil {
		return nil, err
	}
	moved := req.Clone(req.Context())
	moved.URL.Path = b.path + "/" + strings.TrimLeft(req.URL.Path, "/")
	if req.URL.RawPath != "" {
		moved.URL.RawPath = b.path + "/" + strings.TrimLeft(req.URL.RawPath, "/")
	}
	if moved.Header.Get("Authorization") != "" {
		moved.Header.Del("Authorization")
		moved = signer.SignV4(*moved, value.AccessKeyID, value.SecretAccessKey, value.SessionToken, b.region)
	}
	return b.next.RoundTrip(moved)
}
