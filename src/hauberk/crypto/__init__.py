"""Keys and signatures: Evidence as an in-toto Statement in a DSSE envelope.

>>> from hauberk.crypto import attest, keys
>>> key = keys.generate()
>>> about = (attest.Resource("a.onnx", "sha256:" + "0" * 64),)
>>> statement = attest.Statement(about, "urn:example:note:1", {"ok": True})
>>> envelope = attest.sign_statement(statement, key)
>>> attest.verify_statement(envelope, [key.public], predicate_type="urn:example:note:1").statement.predicate["ok"]
True
"""
