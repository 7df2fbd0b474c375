package kafkarest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
)

// Limits of a stream of records. A stream as a whole has none: what is on its way does.
const (
	maxRecordBytes = 2 << 20 // of one record's JSON: what a topic takes by default, in base 64
	maxSpace       = 4 << 10 // of the white space around it
	maxPending     = 64      // records of a stream that were read and not answered
)

// produceRecords stores the records of the body, JSON objects one behind the other, and answers about each in their
// order, while the body is still being sent. A body of known length with a single object gets the HTTP status of
// that record. Any other answer is 200, and the error_code of each object counts.
func produceRecords(ctx context.Context, c *call) error {
	if err := c.checkContentType(); err != nil {
		return err
	}
	described, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	topic, err := c.describeTopic(described, c.topic(), false)
	if err != nil {
		return err
	}
	records := newRecordReader(c.request.Body)
	first, err := records.next()
	if errors.Is(err, io.EOF) {
		return badRequest("the body is empty and must have a record as a JSON object")
	}
	if err != nil {
		return err
	}
	one := c.store(ctx, first, len(topic.Partitions))
	if c.request.ContentLength < 0 {
		return c.stream(ctx, records, len(topic.Partitions), one)
	}
	second, err := records.next()
	if errors.Is(err, io.EOF) {
		<-one.done
		if one.err != nil {
			return one.err
		}
		return c.answer(http.StatusOK, c.response(one))
	}
	if err != nil {
		return c.stream(ctx, records, len(topic.Partitions), one, failed(err))
	}
	return c.stream(ctx, records, len(topic.Partitions), one, c.store(ctx, second, len(topic.Partitions)))
}

// store decodes and produces one record.
func (c *call) store(ctx context.Context, document json.RawMessage, partitions int) *produced {
	var request produceRequest
	if err := decodeObject(document, &request); err != nil {
		return failed(err)
	}
	return c.produce(ctx, &request, partitions)
}

// stream produces the rest of the body, while another goroutine writes the answers.
func (c *call) stream(ctx context.Context, records *recordReader, partitions int, begun ...*produced) error {
	_ = c.controller.EnableFullDuplex() // HTTP/1 reads no more after the first write otherwise; HTTP/2 needs nothing
	c.writer.Header().Set("Content-Type", "application/json")
	c.writer.WriteHeader(http.StatusOK)
	pending, written := make(chan *produced, maxPending), make(chan struct{})
	go func() {
		defer close(written)
		c.writeAnswers(pending)
	}()
	broken := false
	for _, p := range begun {
		pending <- p
		broken = broken || p.request == nil && isFinal(p.err)
	}
	for !broken {
		extendDeadlines(c.controller)
		document, err := records.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			pending <- failed(err) // where the next record would begin is unknown
			break
		}
		pending <- c.store(ctx, document, partitions)
	}
	close(pending)
	<-written
	return nil
}

// writeAnswers writes an answer for each record, in order, and sends them whenever the next is not known yet.
func (c *call) writeAnswers(pending <-chan *produced) {
	encoder := json.NewEncoder(c.writer)
	for p := range pending {
		select {
		case <-p.done:
		default:
			_ = c.controller.Flush()
			<-p.done
		}
		if p.err != nil {
			_ = encoder.Encode(failureOf(p.err).body())
		} else {
			_ = encoder.Encode(c.response(p))
		}
		if len(pending) == 0 {
			_ = c.controller.Flush()
		}
	}
}

// isFinal reports whether nothing can be read after an error.
func isFinal(err error) bool {
	var broken *brokenStream
	return errors.As(err, &broken)
}

// brokenStream is the failure of a body that cannot be read any further.
type brokenStream struct{ failure error }

func (b *brokenStream) Error() string { return b.failure.Error() }
func (b *brokenStream) Unwrap() error { return b.failure }

// recordReader cuts a body into JSON values, none of them larger than maxRecordBytes.
type recordReader struct {
	decoder *json.Decoder
	body    *boundedReader
}

func newRecordReader(body io.Reader) *recordReader {
	bounded := &boundedReader{reader: body}
	return &recordReader{json.NewDecoder(bounded), bounded}
}

// next returns the next value; io.EOF at the end of the body, or a brokenStream.
func (r *recordReader) next() (json.RawMessage, error) {
	r.body.limit = r.decoder.InputOffset() + maxRecordBytes + maxSpace
	var document json.RawMessage
	err := r.decoder.Decode(&document)
	switch {
	case errors.Is(err, errRecordTooLarge), len(document) > maxRecordBytes:
		return nil, &brokenStream{tooLarge("the record", maxRecordBytes)}
	case err == nil:
		return document, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &brokenStream{badRequest("no record came for %v", requestTimeout)}
	case isConnection(err) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &brokenStream{badRequest("the body ended within a record")}
	default:
		return nil, &brokenStream{badRequest("the body is not JSON objects one behind the other: %s", describeDecode(err))}
	}
}

var errRecordTooLarge = errors.New("record too large")

// boundedReader fails at an offset that moves on with what was decoded.
type boundedReader struct {
	reader      io.Reader
	read, limit int64
}

// Read implements io.Reader.
func (b *boundedReader) Read(p []byte) (int, error) {
	if b.read >= b.limit {
		return 0, errRecordTooLarge
	}
	n, err := b.reader.Read(p[:min(int64(len(p)), b.limit-b.read)])
	b.read += int64(n)
	return n, err
}
