"""The handlers of code, entered into the engine's tables when it first meets some."""

from functools import cached_property
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)

from gridcache.digest.engine import FAMILIES, HANDLERS
from gridcache.fingerprint.classes import (
    cached,
    class_,
    descriptor,
    module,
    property_,
    wrapped,
)
from gridcache.fingerprint.code import code_token
from gridcache.fingerprint.functions import builtin, function, method

HANDLERS |= {
    FunctionType: function,
    MethodType: method,
    BuiltinFunctionType: builtin,
    MethodWrapperType: builtin,
    CodeType: code_token,
    ModuleType: module,
    type: class_,
    property: property_,
    staticmethod: wrapped,
    classmethod: wrapped,
    MethodDescriptorType: descriptor,
    WrapperDescriptorType: descriptor,
    ClassMethodDescriptorType: descriptor,
    GetSetDescriptorType: descriptor,
    MemberDescriptorType: descriptor,
}

FAMILIES |= {type: class_, ModuleType: module, cached_property: cached}
