// Rules of time zones and authorities go out of date: an image that is rebuilt must carry those of its time.
var assert = require('assert');
var fs = require('fs');

module.exports = function () {
  var year = new Date().getFullYear();
  var data = '/usr/share/zoneinfo/tzdata.zi';
  if (fs.existsSync(data)) {
    var version = (/^# version (\S+)/.exec(fs.readFileSync(data, 'utf8')) || [])[1] || '';
    assert.ok(Number(version.slice(0, 4)) >= year - 2, 'time zones of the system are of ' + version);
  }
  var bundle = process.env.SSL_CERT_FILE || '/etc/ssl/certs/ca-certificates.crt';
  if (!fs.existsSync(bundle)) return;
  var texts = fs.readFileSync(bundle, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) || [];
  assert.ok(texts.length >= 50, bundle + ' has ' + texts.length + ' authorities');
  var spans = texts.map(validityOf);
  var expired = spans.filter(function (span) {
    return span.until < Date.now();
  });
  assert.ok(expired.length <= texts.length / 10, expired.length + ' of ' + texts.length + ' authorities have expired');
  var newest = Math.max.apply(
    null,
    spans.map(function (span) {
      return new Date(span.from).getFullYear();
    })
  );
  assert.ok(newest >= year - 6, 'the newest authority is of ' + newest);
};

/** The two times of a certificate: the first two UTCTime or GeneralizedTime in a row (RFC 5280, 4.1.2.5). */
function validityOf(pem) {
  var base64 = pem.replace(/-----[^-]+-----|\s/g, '');
  var der = (Buffer.from && Buffer.alloc ? Buffer.from(base64, 'base64') : new Buffer(base64, 'base64')).toString(
    'binary'
  );
  var found = /(\x17\x0d|\x18\x0f)(\d{12,14}Z)(\x17\x0d|\x18\x0f)(\d{12,14}Z)/.exec(der);
  assert.ok(found, 'a certificate has no validity');
  return { from: toTime(found[2]), until: toTime(found[4]) };
}

function toTime(text) {
  var short = text.length === 13;
  var year = short
    ? Number(text.slice(0, 2)) + (Number(text.slice(0, 2)) < 50 ? 2000 : 1900)
    : Number(text.slice(0, 4));
  var rest = text.slice(short ? 2 : 4);
  return Date.UTC(year, Number(rest.slice(0, 2)) - 1, Number(rest.slice(2, 4)));
}
