package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// partSize is the length of a part: the least that S3 permits, since a worker holds one part
// in memory. A file that fits into one part is stored by one request.
const partSize = 5 << 20

var _ Store = (*bucket)(nil)

// bucket is a store that speaks S3.
type bucket struct {
	core         minio.Core
	name, prefix string
}

// openS3 opens a bucket with the credentials that the AWS tools use: the AWS_ variables,
// the shared file of credentials, or the role of the machine.
func openS3(t target) (*bucket, error) {
	endpoint, err := url.Parse(t.endpoint)
	if err != nil {
		return nil, err
	}
	chain := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}},
	})
	transport, err := minio.DefaultTransport(endpoint.Scheme == "https")
	if err != nil {
		return nil, err
	}
	transport.ResponseHeaderTimeout = time.Minute
	options := &minio.Options{Creds: chain, Secure: endpoint.Scheme == "https", Region: t.region, Transport: transport, MaxRetries: 3}
	if p := path.Clean(endpoint.Path); p != "." && p != "/" {
		options.BucketLookup = minio.BucketLookupPath
		options.Transport = &below{path: p, region: t.region, creds: chain, next: transport}
	}
	client, err := minio.New(endpoint.Host, options)
	if err != nil {
		return nil, err
	}
	return &bucket{minio.Core{Client: client}, t.bucket, t.prefix}, nil
}

func (b *bucket) path(key string) string { return path.Join(b.prefix, key) }

func putOptions(o Object) minio.PutObjectOptions {
	return minio.PutObjectOptions{ContentType: o.ContentType, CacheControl: "public, max-age=86400", DisableContentSha256: true}
}

// Put implements Store.
func (b *bucket) Put(ctx context.Context, o Object, body io.Reader) error {
	part := make([]byte, partSize)
	n, err := io.ReadFull(body, part)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		_, err = b.core.PutObject(ctx, b.name, b.path(o.Key), bytes.NewReader(part[:n]), int64(n), "", sum256(part[:n]), putOptions(o))
		return err
	case err != nil:
		return err
	}
	uploadID, err := b.core.NewMultipartUpload(ctx, b.name, b.path(o.Key), putOptions(o))
	if err != nil {
		return err
	}
	if err = o.Begun(ctx, uploadID); err == nil {
		err = b.putParts(ctx, o, uploadID, part, body)
	}
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = b.Abort(ctx, o.Key, uploadID) // the next attempt tries again
	}
	return err
}

// putParts sends part, which is full, and then the rest of body, part by part.
func (b *bucket) putParts(ctx context.Context, o Object, uploadID string, part []byte, body io.Reader) error {
	var done []minio.CompletePart
	for n := len(part); n > 0; {
		sent, err := b.core.PutObjectPart(ctx, b.name, b.path(o.Key), uploadID, len(done)+1, bytes.NewReader(part[:n]), int64(n),
			minio.PutObjectPartOptions{Sha256Hex: sum256(part[:n]), DisableContentSha256: true})
		if err != nil {
			return err
		}
		done = append(done, minio.CompletePart{PartNumber: sent.PartNumber, ETag: sent.ETag})
		n, err = io.ReadFull(body, part)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	_, err := b.core.CompleteMultipartUpload(ctx, b.name, b.path(o.Key), uploadID, done, putOptions(o))
	return err
}

func sum256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Size implements Store.
func (b *bucket) Size(ctx context.Context, key string) (int64, error) {
	info, err := b.core.StatObject(ctx, b.name, b.path(key), minio.StatObjectOptions{})
	switch {
	case minio.ToErrorResponse(err).Code == minio.NoSuchKey:
		return -1, nil
	case err != nil:
		return 0, err
	}
	return info.Size, nil
}

// Remove implements Store.
func (b *bucket) Remove(ctx context.Context, key string) error {
	return b.core.RemoveObject(ctx, b.name, b.path(key), minio.RemoveObjectOptions{})
}

// Abort implements Store.
func (b *bucket) Abort(ctx context.Context, key, uploadID string) error {
	err := b.core.AbortMultipartUpload(ctx, b.name, b.path(key), uploadID)
	if err == nil || minio.ToErrorResponse(err).Code == minio.NoSuchUpload {
		return nil
	}
	return fmt.Errorf("abort an upload: %w", err)
}
