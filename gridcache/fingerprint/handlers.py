"""The handlers of code, entered into the engine's tables when it first meets some."""

from functools import cached_property, partial
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
from gridcache.digest.objects import by_pickling
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
from gridcache.fingerprint.wrappers import any_object

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

FAMILIES |= {
    type: class_,
    ModuleType: module,
    cached_property: cached,
    partial: by_pickling,
    object: any_object,
}
