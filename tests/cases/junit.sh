#!/bin/sh
echo '<?xml version="1.0"?><testsuites><testsuite name="s"><testcase classname="s" name="good"/><testcase classname="s" name="bad"><failure message="wrong &amp; bad"/></testcase></testsuite></testsuites>'
exit 1
